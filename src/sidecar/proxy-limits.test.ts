import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request } from 'node:http'
import type { IncomingMessage, Server } from 'node:http'
import { connect } from 'node:net'
import { after, before, test } from 'node:test'
import { silentLog } from '../lib/log.ts'
import { createDockerProxy } from './proxy-server.ts'
import { startFakeEngine } from './testing/fake-engine.ts'
import type { FakeEngine } from './testing/fake-engine.ts'

/* What the proxy does for callers that mean it no good. */
let engine: FakeEngine
let proxy: Server

before(async () => {
  engine = await startFakeEngine([{ id: 'aaa', project: 'mine', service: 'daemon' }])
  proxy = createDockerProxy({ socketPath: engine.socketPath, project: 'mine', log: silentLog() }).listen(0, '127.0.0.1')
  await once(proxy, 'listening')
})

after(async () => {
  proxy.closeAllConnections()
  proxy.close()
  await engine.stop()
})

/** Sends the path as it is: `fetch` would tidy up what an attacker would not. */
async function call(path: string): Promise<{ status: number | undefined; body: string; response: IncomingMessage }> {
  const address = proxy.address()
  assert(typeof address === 'object' && address !== null)
  const [response] = (await once(
    request({ host: '127.0.0.1', port: address.port, path, agent: false }).end(),
    'response',
  )) as [IncomingMessage]
  let body = ''
  for await (const chunk of response) body += String(chunk)
  return { status: response.statusCode, body, response }
}

test('filters that are none are refused, and end nothing', async () => {
  const before = engine.requests.length
  const wrong = [
    '{"a":[{"toString":1}]}',
    '{"a":[1]}',
    '{"a":"b"}',
    '{"a":{"b":{"toString":1}}}',
    '{"toString":1}',
    '[]',
    '',
    'nonsense',
    '['.repeat(2_000),
  ]
  for (const filters of wrong) {
    const { status, body } = await call(`/containers/json?filters=${encodeURIComponent(filters)}`)
    assert.equal(status, 400, filters)
    assert.match(body, /filters/)
  }
  assert.equal(engine.requests.length, before)
  assert.equal((await call('/containers/json')).status, 200)
})

test('there are 16 streams of events and no more, until one is closed', { timeout: 5_000 }, async () => {
  const address = proxy.address()
  assert(typeof address === 'object' && address !== null)
  const open = async (): Promise<IncomingMessage> => {
    const asked = request({ host: '127.0.0.1', port: address.port, path: '/events', agent: false }).end()
    asked.on('error', () => {})
    const [response] = (await once(asked, 'response')) as [IncomingMessage]
    return response
  }
  const streams = await Promise.all(Array.from({ length: 16 }, open))
  assert.deepEqual(new Set(streams.map(({ statusCode }) => statusCode)), new Set([200]))
  const { status, body } = await call('/events')
  assert.equal(status, 503)
  assert.match(body, /16 streams/)
  assert.equal((await call('/containers/json')).status, 200, 'other questions are answered')
  streams[0]?.destroy()
  let again = 503
  while (again === 503) {
    const response = await open()
    again = response.statusCode ?? 0
    streams.push(response)
  }
  for (const stream of streams) stream.destroy()
  await engine.unfollowed()
})

test('a caller that does not say what it wants is cut off', { timeout: 5_000 }, async () => {
  const hasty = createDockerProxy({
    socketPath: engine.socketPath,
    project: 'mine',
    log: silentLog(),
    headersLimitMs: 100,
  }).listen(0, '127.0.0.1')
  await once(hasty, 'listening')
  const address = hasty.address()
  assert(typeof address === 'object' && address !== null)
  const halves = Array.from({ length: 20 }, () => connect(address.port, '127.0.0.1'))
  halves.forEach((half, n) => {
    half.on('error', () => {})
    // Every other one says nothing at all.
    if (n % 2 === 0) half.write('GET /events HTTP/1.1\r\nHost: x\r\n')
  })
  await Promise.all(halves.map((half) => once(half.resume(), 'close')))
  hasty.close()
})
