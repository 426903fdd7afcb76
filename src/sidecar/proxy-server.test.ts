import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request } from 'node:http'
import type { IncomingMessage, Server } from 'node:http'
import { after, before, test } from 'node:test'
import { silentLog } from '../lib/log.ts'
import { createDockerProxy, listingQuery } from './proxy-server.ts'
import { startFakeEngine } from './testing/fake-engine.ts'
import type { FakeEngine } from './testing/fake-engine.ts'

let engine: FakeEngine
let proxy: Server

before(async () => {
  engine = await startFakeEngine([
    { id: 'aaa', project: 'mine', service: 'daemon' },
    { id: 'bbb', project: 'theirs', service: 'database' },
  ])
  proxy = createDockerProxy({ socketPath: engine.socketPath, project: 'mine', log: silentLog() }).listen(0, '127.0.0.1')
  await once(proxy, 'listening')
})

after(async () => {
  proxy.closeAllConnections()
  proxy.close()
  await engine.stop()
})

/** Sends the path as it is: `fetch` would tidy up what an attacker would not. */
async function call(
  path: string,
  method = 'GET',
  server = proxy,
): Promise<{ status: number | undefined; body: string; response: IncomingMessage }> {
  const address = server.address()
  assert(typeof address === 'object' && address !== null)
  const [response] = (await once(
    request({ host: '127.0.0.1', port: address.port, path, method, agent: false }).end(),
    'response',
  )) as [IncomingMessage]
  let body = ''
  for await (const chunk of response) body += String(chunk)
  return { status: response.statusCode, body, response }
}

test('lists only the containers of the project, whatever filter the caller sends', async () => {
  const wishes = [
    '',
    '&filters={}',
    `&filters=${encodeURIComponent('{"label":{"com.docker.compose.project=theirs":true}}')}`,
  ]
  for (const wish of wishes) {
    const { status, body } = await call(`/v1.45/containers/json?all=1${wish}`)
    assert.equal(status, 200)
    assert.deepEqual(
      (JSON.parse(body) as { Id: string }[]).map(({ Id }) => Id),
      ['aaa'],
      wish,
    )
  }
})

test('a second filters parameter does not get past the first', async () => {
  const theirs = encodeURIComponent('{"label":["com.docker.compose.project=theirs"]}')
  const { body } = await call(`/containers/json?filters=${theirs}&filters=${theirs}`)
  assert.deepEqual(
    (JSON.parse(body) as { Id: string }[]).map(({ Id }) => Id),
    ['aaa'],
  )
})

test('keeps the other filters, in the one form, and drops unknown parameters', () => {
  const query = new URLSearchParams(
    listingQuery(
      'all=1&since=5&size=1&x=y&filters={"type":{"container":true},"event":["die"],"label":["a=b"]}',
      'mine',
    ),
  )
  assert.deepEqual([...query.keys()], ['all', 'since', 'filters'])
  assert.deepEqual(JSON.parse(query.get('filters') ?? ''), {
    type: ['container'],
    event: ['die'],
    label: ['com.docker.compose.project=mine'],
  })
})

test('inspects a container of the project without its environment', async () => {
  const { status, body } = await call('/containers/aaa/json')
  assert.equal(status, 200)
  assert.equal((JSON.parse(body) as { Name: string }).Name, '/mine-daemon-1')
  assert.doesNotMatch(body, /ANTHROPIC|secret|"Env"/)
})

test("another project's container looks as if it did not exist", async () => {
  const [foreign, missing] = [await call('/containers/bbb/json'), await call('/containers/ccc/json')]
  assert.equal(foreign.status, 404)
  assert.equal(missing.status, 404)
  assert.equal(foreign.body.replace('bbb', 'ccc'), missing.body)
})

test('everything else is refused and never reaches the engine', async () => {
  const before = engine.requests.length
  const paths = [
    '/',
    '/version',
    '/info',
    '/containers/aaa/logs',
    '/containers/aaa/archive?path=/',
    '/containers/aaa/top',
    '/containers/aaa/json/',
    '/images/json',
  ]
  const sly = [
    '/containers/../info',
    '/containers/%2e%2e/json',
    '/v1.45/../containers/json',
    '//containers/json',
    '/v1.45.1/containers/json',
    '/containers/a/b/json',
  ]
  for (const path of [...paths, ...sly]) {
    const { status, body } = await call(path)
    assert.equal(status, 403, path)
    assert.match(body, /allows only GET/)
  }
  for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'])
    assert.equal((await call('/containers/aaa/json', method)).status, 403, method)
  assert.equal((await call('/containers/json', 'HEAD')).status, 403)
  assert.equal(engine.requests.length, before)
})

test('answers a ping by itself', async () => {
  const before = engine.requests.length
  assert.deepEqual([(await call('/_ping')).body, engine.requests.length], ['OK', before])
})

test(
  'forces the project into the events, and lets go of the engine when the caller leaves',
  { timeout: 5_000 },
  async () => {
    const address = proxy.address()
    assert(typeof address === 'object' && address !== null)
    const caller = request({ host: '127.0.0.1', port: address.port, path: '/events?since=1' }).end()
    const [response] = (await once(caller, 'response')) as [IncomingMessage]
    assert.match(
      decodeURIComponent(engine.requests.at(-1) ?? ''),
      /^GET \/events\?since=1&filters=\{"label":\["com\.docker\.compose\.project=mine"\]\}$/,
    )
    engine.send('{"Type":"container"}\n')
    assert.equal(String((await once(response, 'data'))[0]), '{"Type":"container"}\n')
    caller.on('error', () => {})
    caller.destroy()
    await engine.unfollowed()
  },
)

test('without an engine it says so in a sentence', async () => {
  const lonely = createDockerProxy({
    socketPath: '/nonexistent/docker.sock',
    project: 'mine',
    log: silentLog(),
  }).listen(0, '127.0.0.1')
  await once(lonely, 'listening')
  const { status, body } = await call('/containers/json', 'GET', lonely)
  lonely.close()
  assert.equal(status, 502)
  assert.match(body, /does not answer at \/nonexistent\/docker\.sock/)
})
