import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { mkdtempSync, rmSync } from 'node:fs'
import { once } from 'node:events'
import { join } from 'node:path'
import { test } from 'node:test'
import { checkSocketPath } from './socket-path.ts'

test('a path that is taken can be listened on, one byte more is refused with what to do', async () => {
  const folder = mkdtempSync('/tmp/s')
  try {
    const path = join(folder, 'x'.repeat(103 - folder.length - 1))
    checkSocketPath(path)
    const server = createServer().listen(path)
    await once(server, 'listening')
    server.close()
    assert.throws(() => checkSocketPath(`${path}y`), {
      code: 'KSI_SOCKET_PATH_TOO_LONG',
      message: /has 104 bytes.*takes 103.*KSI_ROOT/,
    })
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('bytes count, not characters', () => {
  assert.throws(() => checkSocketPath(`/tmp/${'é'.repeat(60)}`), { code: 'KSI_SOCKET_PATH_TOO_LONG' })
})
