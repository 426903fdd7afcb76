import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { afterEach, beforeEach, test } from 'node:test'
import type { FastifyInstance } from 'fastify'
import { statusDocument } from '../contracts/status.ts'
import { silentLog } from '../lib/log.ts'
import { createServer } from './server.ts'
import { StatusHub } from './status-hub.ts'
import type { Snapshot } from './status-hub.ts'
import { allWell, fine, journalFacts, nothingKnown, supervisorFacts } from './testing/sample-facts.ts'
import { TempJournal } from '../store/testing/temp-journal.ts'
import { journalAt, sampleKnowledge } from './testing/sample-knowledge.ts'
import { textOf } from './testing/text-of.ts'
import type { Readings } from './readings.ts'

const problem = 'application/problem+json; charset=utf-8'
let readings: Readings
let hub: StatusHub
let server: FastifyInstance
let interest: number
let temp: TempJournal

beforeEach(async () => {
  temp = new TempJournal()
  temp.open()
  readings = allWell()
  interest = 0
  hub = new StatusHub({ readings: () => readings, onInterest: () => interest++ })
  const sources = [
    { name: 'daemon', ok: true, error: null },
    { name: 'docker', ok: false, error: 'not set' },
  ]
  server = await createServer({
    knowledge: sampleKnowledge({ hub, journal: journalAt(temp.path) }),
    readiness: () => ({ ready: true, sources }),
    hosts: ['box.example'],
    log: silentLog(),
    pingMs: 50,
  })
})

afterEach(async () => {
  hub.stop()
  await server.close()
  temp[Symbol.dispose]()
})

test('is alive and ready whatever the daemon does', async () => {
  readings = nothingKnown()
  assert.equal((await server.inject('/livez')).statusCode, 200)
  const ready = await server.inject('/readyz')
  assert.equal(ready.headers['content-type'], 'application/health+json; charset=utf-8')
  assert.deepEqual([ready.statusCode, ready.json().status, ready.json().checks], [200, 'pass', {}])
  const checks = { daemon: [{ status: 'pass' }], docker: [{ status: 'warn', output: 'not set' }] }
  assert.deepEqual((await server.inject('/readyz?verbose')).json().checks, checks)
})

test('the status document keeps to its contract and is never cached', async () => {
  const reply = await server.inject('/status')
  assert.equal(reply.statusCode, 200)
  assert.equal(reply.headers['cache-control'], 'no-store')
  assert.equal(statusDocument.parse(reply.json()).summary.startsWith('Generation 7 serves'), true)
})

test('the status code carries the verdict', async () => {
  readings = allWell({ daemon: fine(supervisorFacts({ waiting_for_restart: ['src/supervisor/front.ts'] })) })
  assert.deepEqual(
    [(await server.inject('/status')).statusCode, (await server.inject('/status')).json().status],
    [200, 'warn'],
  )
  readings = allWell({ daemon: fine(supervisorFacts({ phase: 'crashed' })) })
  const reply = await server.inject('/status')
  assert.deepEqual([reply.statusCode, reply.json().phase], [503, 'crashed'])
})

test('somebody who begins to ask makes the sources look at once', async () => {
  assert.equal(hub.watched, false)
  await server.inject('/status')
  await server.inject('/status')
  assert.deepEqual([hub.watched, interest], [true, 1])
})

test('changes nothing, and says so', async () => {
  for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'] as const) {
    const reply = await server.inject({ url: '/status', method, payload: '{}' })
    assert.deepEqual(
      [reply.statusCode, reply.headers['allow'], reply.headers['content-type']],
      [405, 'GET, HEAD', problem],
      method,
    )
  }
  assert.equal((await server.inject({ url: '/status', method: 'HEAD' })).statusCode, 200)
})

test('an unknown path or a broken one is a problem document', async () => {
  const missing = await server.inject('/nothing')
  assert.deepEqual([missing.statusCode, missing.headers['content-type']], [404, problem])
  assert.match(missing.json().detail, /Try \/, \/status/)
  const broken = await server.inject('/%E0%A4%A')
  assert.deepEqual([broken.statusCode, broken.headers['content-type']], [400, problem])
})

test('the page is served under a policy that lets no foreign or inline script run', async () => {
  readings = allWell({ journal: fine(journalFacts({ boots: [] })) })
  const page = await server.inject('/')
  assert.equal(page.statusCode, 200)
  assert.doesNotMatch(String(page.headers['content-security-policy']), /unsafe/)
  assert.equal(page.headers['access-control-allow-origin'], undefined)
  assert.doesNotMatch(page.body, /<script(?![^>]*src=)|\son\w+=|style="/)
  for (const [, url] of page.body.matchAll(/(?:src|href)="(\/[^"]+)"/g))
    assert.equal((await server.inject(url ?? '')).statusCode, 200)
  const script = await server.inject('/app.js')
  assert.match(String(script.headers['content-type']), /^text\/javascript/)
  assert.doesNotMatch(script.body, /innerHTML|insertAdjacentHTML|document\.write/)
})

/** Follows /events over a real socket. */
async function follow(): Promise<{ response: IncomingMessage; next: ReturnType<typeof textOf> }> {
  if (!server.server.listening) await server.listen({ host: '127.0.0.1', port: 0 })
  const address = server.server.address()
  assert(typeof address === 'object' && address !== null)
  const caller = request({ host: '127.0.0.1', port: address.port, path: '/events', agent: false }).end()
  caller.on('error', () => {})
  const [response] = (await once(caller, 'response')) as [IncomingMessage]
  response.on('error', () => {})
  return { response, next: textOf(response) }
}

const snapshot = /(?:id: (\d+)\n)?event: snapshot\ndata: (.*)\n\n/

test('a stream begins with the whole document, tells each change once, and pings', { timeout: 5_000 }, async () => {
  const { response, next } = await follow()
  assert.equal(response.headers['content-type'], 'text/event-stream')
  await next(/^retry: 2000\n\n/)
  const first = await next(snapshot)
  assert.equal(statusDocument.parse(JSON.parse(first[2] ?? '')).phase, 'live')
  hub.readingCame()
  await next(/: ping\n\n/)
  readings = allWell({ daemon: fine(supervisorFacts({ phase: 'crashed' })) })
  hub.readingCame()
  const second = await next(snapshot)
  assert.equal(JSON.parse(second[2] ?? '').phase, 'crashed')
  assert.deepEqual([first[1], second[1]], ['500', undefined], 'the id is the seq of the journal, and says it once')
})

test('a client that reads nothing costs one document and then its connection', { timeout: 5_000 }, async () => {
  const stuck = await follow()
  const closed = new Promise((resolve) => stuck.response.on('close', resolve))
  stuck.response.removeAllListeners('data').pause()
  // Together far more than sockets buffer.
  const padding = 'x'.repeat(4_000_000)
  for (let swaps = 0; swaps < 4; swaps++) {
    const told = new Promise<Snapshot>((resolve) => hub.subscribe(resolve))
    readings = allWell({ daemon: fine(supervisorFacts({ problem: `${padding}${swaps}` })) })
    hub.readingCame()
    await told
  }
  // Cut off at the second ping that finds it stuck; what it had buffered must still be read to see the end.
  await new Promise<void>((resolve) => {
    const look = setInterval(() => {
      server.server.getConnections((_error, count) => {
        if (count > 0) return
        clearInterval(look)
        resolve()
      })
    }, 20)
  })
  stuck.response.resume()
  await closed
})

test('closing ends open streams at once', { timeout: 5_000 }, async () => {
  const { response, next } = await follow()
  await next(snapshot)
  const ended = once(response, 'close')
  await server.close()
  await ended
})

test('there are 100 streams and no more, and everything else is still answered', { timeout: 10_000 }, async () => {
  const streams = await Promise.all(Array.from({ length: 100 }, follow))
  assert.deepEqual(new Set(streams.map(({ response }) => response.statusCode)), new Set([200]))
  const { response } = await follow()
  assert.deepEqual([response.statusCode, response.headers['retry-after']], [503, '10'])
  assert.equal((await server.inject('/status')).statusCode, 200)
  for (const stream of streams) stream.response.destroy()
})
