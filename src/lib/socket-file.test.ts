import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { listenOnSocketFile } from './socket-file.ts'

test('a socket whose folder is removed is made again; who is connected stays so; a closed one is closed', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'ksi-socket-'))
  const path = join(dir, 'run/x.sock')
  const server = createServer((socket) => socket.pipe(socket))
  await listenOnSocketFile(server, path)
  const first = connect(path)
  await once(first, 'connect')
  for (let i = 0; i < 2; i++) {
    rmSync(join(dir, 'run'), { recursive: true })
    while (!existsSync(path)) await delay(20)
    await delay(50)
    assert.equal(statSync(path).mode & 0o777, 0o600)
    const next = connect(path)
    await once(next, 'connect')
    next.destroy()
  }
  first.write('still here')
  assert.equal(String((await once(first, 'data'))[0]), 'still here')
  rmSync(path)
  mkdirSync(path)
  await delay(700)
  assert.ok(statSync(path).isDirectory(), 'what somebody has put there stays')
  rmSync(path, { recursive: true })
  writeFileSync(path, '')
  server.close()
  first.destroy()
  rmSync(path, { force: true })
  await delay(700)
  assert.equal(existsSync(path), false)
  rmSync(dir, { recursive: true })
})
