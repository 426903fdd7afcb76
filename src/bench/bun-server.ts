/*
 * What `bun --hot` runs as a peer of `npm run bench:saves`: it imports all of the daemon's code and answers lines on a
 * TCP port. No journal (bun has no better-sqlite3), so it does less than the others; and its way is another one: the
 * process stays, with its listener, and its modules are read again.
 */
import { createServer } from 'node:net'
import type { Server } from 'node:net'
// Not used: what counts is what it costs to import it.
import '../daemon/generation.ts'
import { LineDecoder } from '../lib/ndjson.ts'

/** What outlives a reload. */
declare global {
  var benchPeer: { server?: Server; reply?: () => unknown } | undefined
}
const peer = (globalThis.benchPeer ??= {})

// The bench puts `bench` into that file.
const health: object = await import('../daemon/health.ts')
const bench: unknown = Reflect.get(health, 'bench')
peer.reply = () => ({ data: { bench: typeof bench === 'function' ? bench() : undefined } })
peer.server ??= createServer({ noDelay: true }, (socket) => {
  const decoder = new LineDecoder(1_048_576, () => socket.write(`${JSON.stringify(peer.reply?.())}\n`))
  socket.on('data', (chunk: Buffer) => decoder.push(chunk))
  socket.on('error', () => {})
}).listen(Number(process.argv[2]), '127.0.0.1')
