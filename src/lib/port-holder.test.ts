import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { isTaken, portHolder } from './port-holder.ts'

const hasProc = existsSync('/proc/net/tcp')

test(
  'who listens on a port is named by pid and program; a free port has nobody',
  { skip: !hasProc && 'no /proc here' },
  async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const holder = portHolder(port)
    assert.equal(holder?.pid, process.pid)
    assert.match(holder.name, /node/)
    assert.equal(isTaken(port), true)
    server.close()
    await once(server, 'close')
    assert.deepEqual([portHolder(port), isTaken(port)], [undefined, false])
  },
)
