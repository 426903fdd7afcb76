import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { createConnection, createServer } from 'node:net'
import type { Server, Socket } from 'node:net'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { LineLink } from './line-link.ts'

async function listen(path: string, onSocket: (socket: Socket) => void): Promise<Server> {
  const server = createServer(onSocket).listen(path)
  await once(server, 'listening')
  return server
}

test('a connection begun ahead of time is used; one that has failed meanwhile is made anew', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'ksi-link-'))
  const path = join(dir, 's.sock')
  const failed = createConnection(path)
  await once(failed, 'error').catch(() => {})
  await once(failed, 'close')
  let connections = 0
  const server = await listen(path, () => (connections += 1))
  const good = createConnection(path)
  await once(good, 'connect')
  for (const early of [good, failed]) {
    const open = Promise.withResolvers<void>()
    const link = new LineLink({ path, early, onOpen: open.resolve, onLine: () => {} })
    await open.promise
    assert.ok(link.isOpen)
    link.close()
  }
  assert.equal(connections, 2)
  server.close()
  rmSync(dir, { recursive: true })
})

test('a link is made when the other side is there, and again when it comes back', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'ksi-link-'))
  const path = join(dir, 's.sock')
  const said: string[] = []
  let opened = 0
  const link = new LineLink({
    path,
    onOpen: () => {
      opened += 1
      link.send({ hello: opened })
    },
    onLine: (line) => said.push(line),
  })
  for (const round of [1, 2]) {
    const heard = Promise.withResolvers<string>()
    const sockets: Socket[] = []
    const server = await listen(path, (socket) => {
      sockets.push(socket)
      socket.write('one\ntwo\n')
      socket.once('data', (data) => heard.resolve(data.toString()))
    })
    assert.equal(await heard.promise, `{"hello":${round}}\n`)
    while (said.length < 2 * round) await new Promise((resolve) => setTimeout(resolve, 2))
    for (const socket of sockets) socket.destroy()
    server.close()
    await once(server, 'close')
    rmSync(path, { force: true })
  }
  link.close()
  link.send({ after: 'the end' })
  assert.deepEqual(said, ['one', 'two', 'one', 'two'])
  rmSync(dir, { recursive: true })
})
