import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { afterEach, beforeEach, test } from 'node:test'
import type { FastifyInstance } from 'fastify'
import { createLog, silentLog } from '../lib/log.ts'
import { Access } from './access.ts'
import { createServer } from './server.ts'
import { StatusHub } from './status-hub.ts'
import { allWell } from './testing/sample-facts.ts'
import { sampleKnowledge } from './testing/sample-knowledge.ts'

const problem = 'application/problem+json; charset=utf-8'
let hub: StatusHub
let server: FastifyInstance
let token: string | undefined

beforeEach(async () => {
  token = 'the reading token'
  hub = new StatusHub({ readings: allWell })
  server = await createServer({
    knowledge: sampleKnowledge({ hub, access: new Access({ open: false, token: () => token }) }),
    readiness: () => ({ ready: true, sources: [] }),
    hosts: ['box.example'],
    log: silentLog(),
  })
})

afterEach(async () => {
  hub.stop()
  await server.close()
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
    knowledge: sampleKnowledge({ hub }),
    readiness: () => ({ ready: true, sources: [] }),
    hosts: [],
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

test('the link of `ksi page` gives the browser the token, for this port and site, and leaves the address', async () => {
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
    knowledge: sampleKnowledge({ hub, access: new Access({ open: false, token: () => token }) }),
    readiness: () => ({ ready: true, sources: [] }),
    hosts: [],
    log: createLog('sidecar', 'trace', { write: (line) => void lines.push(line) }),
  })
  for (const url of ['/?token=secret', '/nothing?token=secret', '/%E0%A4%A?token=secret', '/status?token=secret'])
    await talkative.inject({ url, headers: { host: 'localhost' } })
  await talkative.close()
  assert.ok(lines.length > 0)
  assert.doesNotMatch(lines.join(''), /secret/)
})
