import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { afterEach, beforeEach, test } from 'node:test'
import type { FastifyInstance } from 'fastify'
import { statusDocument } from '../contracts/status.ts'
import { createLog, silentLog } from '../lib/log.ts'
import { Access } from './access.ts'
import { createServer } from './server.ts'
import { StatusHub } from './status-hub.ts'
import type { Snapshot } from './status-hub.ts'
import { allWell, fine, nothingKnown, supervisorFacts } from './testing/sample-facts.ts'
import { textOf } from './testing/text-of.ts'
import type { Readings } from './verdict.ts'

const problem = 'application/problem+json; charset=utf-8'
let readings: Readings
let hub: StatusHub
let server: FastifyInstance
let interest: number
let token: string | undefined

beforeEach(async () => {
  readings = allWell()
  interest = 0
  token = 'the reading token'
  hub = new StatusHub({ readings: () => readings, onInterest: () => interest++ })
  const sources = [
    { name: 'daemon', ok: true, error: null },
    { name: 'docker', ok: false, error: 'not set' },
  ]
  server = await createServer({
    hub,
    readiness: () => ({ ready: true, sources }),
    hosts: ['box.example'],
    access: new Access({ open: false, token: () => token }),
    log: silentLog(),
    pingMs: 50,
  })
})

afterEach(async () => {
  hub.stop()
  await server.close()
})

test('is alive and ready whatever the daemon does', async () => {
  readings = nothingKnown()
  assert.equal((await server.inject('/livez')).statusCode, 200)
  assert.equal((await server.inject('/readyz')).body, 'ready\n')
  assert.equal((await server.inject('/readyz?verbose')).body, '[+] daemon\n[-] docker: not set\nready\n')
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

test('answers for local names and addresses only', async () => {
  for (const host of [
    'localhost',
    'localhost:4311',
    '127.0.0.1:4311',
    '[::1]:4311',
    'ksi.localhost',
    'box.example',
    '192.168.1.5:80',
  ]) {
    assert.equal((await server.inject({ url: '/status', headers: { host } })).statusCode, 200, host)
  }
  for (const host of [
    'evil',
    'sidecar:4311',
    'evil.example',
    '127.0.0.1.evil.example',
    'localhost.evil.example:4311',
    'user@localhost',
    'a b',
    'box.example.evil',
  ]) {
    const reply = await server.inject({ url: '/status', headers: { host } })
    assert.deepEqual(
      [reply.statusCode, reply.headers['content-type'], reply.json().code],
      [403, problem, 'KSI_UNAUTHORIZED'],
      host,
    )
  }
})

test('answers no page of another site, whatever it makes the browser send', async () => {
  const host = 'localhost:4311'
  const allowed: Record<string, string>[] = [
    {},
    { 'sec-fetch-site': 'none', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' },
    { 'sec-fetch-site': 'same-origin', 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' },
    { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' },
    { origin: 'http://localhost:4311' },
  ]
  const refused: Record<string, string>[] = [
    { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' },
    { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'iframe' },
    { 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' },
    { 'sec-fetch-site': 'cross-site' },
    { origin: 'http://localhost:3000' },
    { origin: 'https://evil.example' },
    { origin: 'null' },
  ]
  for (const headers of allowed)
    assert.equal((await server.inject({ url: '/', headers: { host, ...headers } })).statusCode, 200)
  for (const headers of refused) {
    for (const url of ['/', '/status', '/events', '/app.js']) {
      const reply = await server.inject({ url, headers: { host, ...headers } })
      assert.deepEqual([reply.statusCode, reply.json().code], [403, 'KSI_UNAUTHORIZED'], JSON.stringify(headers))
    }
  }
  assert.equal((await server.inject('/')).headers['cross-origin-opener-policy'], 'same-origin')
})

test('a client that does not finish its request is cut off, and so is one too many', { timeout: 10_000 }, async () => {
  const hasty = await createServer({
    hub,
    readiness: () => ({ ready: true, sources: [] }),
    hosts: [],
    access: new Access({ open: true, token: () => undefined }),
    log: silentLog(),
    requestLimitMs: 200,
  })
  const { port } = new URL(await hasty.listen({ port: 0, host: '127.0.0.1' }))
  const halves = Array.from({ length: 600 }, () => connect(Number(port), '127.0.0.1').on('error', () => {}))
  // Every other one says nothing at all.
  for (const half of halves.filter((_, n) => n % 2 === 0)) half.write('GET /status HTTP/1.1\r\nHost: localhost\r\n')
  await Promise.all(halves.map((half) => once(half.resume(), 'close')))
  assert.equal((await fetch(`http://127.0.0.1:${port}/livez`)).status, 200)
  await hasty.close()
})

test('what shows state asks for nothing, what shows content asks for the token', async () => {
  server.get('/content', { config: { content: true } }, async () => 'a prompt')
  const host = 'localhost:4311'
  const seen = async (headers: Record<string, string>): Promise<number> =>
    (await server.inject({ url: '/content', headers: { host, ...headers } })).statusCode
  for (const url of ['/', '/app.js', '/status', '/livez', '/readyz?verbose'])
    assert.equal((await server.inject({ url, headers: { host } })).statusCode, 200, url)
  for (const headers of [
    {},
    { cookie: 'ksi-4311=wrong' },
    { cookie: 'ksi-4312=the reading token' },
    { authorization: 'Bearer wrong' },
    { authorization: 'the reading token' },
  ])
    assert.equal(await seen(headers as Record<string, string>), 401, JSON.stringify(headers))
  assert.equal(await seen({ cookie: 'a=b; ksi-4311=the reading token' }), 200)
  token = 'another-one'
  assert.equal(await seen({ cookie: 'ksi-4311=the reading token' }), 401, 'a token that was replaced')
  assert.equal(await seen({ authorization: 'Bearer another-one' }), 200)
  token = undefined
  assert.equal(await seen({ authorization: 'Bearer undefined' }), 401)
})

test('the link of `ksi page` gives the browser the token, for this port and this site, and is gone from the address', async () => {
  const reply = await server.inject({ url: '/?token=the%20reading%20token', headers: { host: 'localhost:4311' } })
  assert.deepEqual([reply.statusCode, reply.headers['location']], [303, '/'])
  assert.equal(reply.headers['set-cookie'], 'ksi-4311=the reading token; Path=/; HttpOnly; SameSite=Strict')
  const old = await server.inject({ url: '/?token=old', headers: { host: 'localhost:4311' } })
  assert.deepEqual([old.statusCode, old.headers['set-cookie'], old.json().code], [401, undefined, 'KSI_UNAUTHORIZED'])
  assert.match(old.json().detail, /ksi page/)
})

test('no log has a token of an address', async () => {
  const lines: string[] = []
  const talkative = await createServer({
    hub,
    readiness: () => ({ ready: true, sources: [] }),
    hosts: [],
    access: new Access({ open: false, token: () => token }),
    log: createLog('sidecar', 'trace', { write: (line) => void lines.push(line) }),
  })
  for (const url of ['/?token=secret', '/nothing?token=secret', '/%E0%A4%A?token=secret', '/status?token=secret'])
    await talkative.inject({ url, headers: { host: 'localhost' } })
  await talkative.close()
  assert.ok(lines.length > 0)
  assert.doesNotMatch(lines.join(''), /secret/)
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

const snapshot = /id: (\d+)\nevent: snapshot\ndata: (.*)\n\n/

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
  assert.equal(Number(second[1]), Number(first[1]) + 1)
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
