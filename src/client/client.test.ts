import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, afterEach, test } from 'node:test'
import { connect } from './client.ts'
import type { ConnectOptions, KsiClient } from './client.ts'
import { envelopeError, FakeDaemon } from './testing/fake-daemon.ts'
import { sampleAcknowledgement, sampleRequest } from './testing/samples.ts'

let dir: string
let path: string
let daemon: FakeDaemon
let opened: KsiClient[] = []

before(() => {
  dir = mkdtempSync(join(tmpdir(), 'ksi-client-'))
  path = join(dir, 'daemon.sock')
})
after(() => rmSync(dir, { recursive: true, force: true }))
beforeEach(async () => {
  daemon = await new FakeDaemon({ path }, { 'test:echo': (data) => data }).start()
})
afterEach(async () => {
  for (const client of opened) await client.close()
  opened = []
  await daemon.stop()
})

async function open(options: ConnectOptions = {}): Promise<KsiClient> {
  const client = await connect({ address: path, ...options })
  opened.push(client)
  return client
}

test('a thousand pipelined requests get each its own reply', async () => {
  const client = await open({ clientId: 'me' })
  const replies = await Promise.all(Array.from({ length: 1_000 }, (_, n) => client.request('test:echo', { n })))
  assert.deepEqual(
    replies,
    Array.from({ length: 1_000 }, (_, n) => ({ n })),
  )
  assert.equal(daemon.received[0]?._client_id, 'me')
  assert.equal(new Set(daemon.received.map((request) => request._event_id)).size, 1_000)
})

test('an error in the data is thrown with its code, and left alone when asked raw', async () => {
  daemon.answers['test:bad'] = () => ({
    status: 'error',
    error: 'no such thing',
    code: 'KSI_NOT_FOUND',
    similar: ['x'],
  })
  const client = await open()
  await assert.rejects(client.request('test:bad'), {
    name: 'KsiError',
    code: 'KSI_NOT_FOUND',
    message: 'no such thing',
  })
  assert.deepEqual(await client.request('test:bad', {}, { raw: true }), {
    status: 'error',
    error: 'no such thing',
    code: 'KSI_NOT_FOUND',
    similar: ['x'],
  })
})

test('an envelope error is thrown, with a code of the table only', async () => {
  daemon.answers['test:refused'] = () => envelopeError('line too long', 'KSI_LINE_TOO_LONG')
  daemon.answers['test:strange'] = () => envelopeError('what', 'toString')
  const client = await open()
  await assert.rejects(client.request('test:refused', {}, { raw: true }), { code: 'KSI_LINE_TOO_LONG' })
  await assert.rejects(client.request('test:strange'), { code: 'KSI_BAD_REQUEST', message: 'what' })
})

test('requests in flight when the connection is lost are sent again in order under the same id', async () => {
  const states: string[] = []
  let alive = false
  daemon.answers['test:slow'] = (data) => (alive ? data : undefined)
  const client = await open({ onState: (state) => states.push(state) })
  const replies = Promise.all([1, 2, 3].map((n) => client.request('test:slow', { n })))
  await daemon.until('test:slow', 3)
  alive = true
  daemon.cut()
  assert.deepEqual(await replies, [{ n: 1 }, { n: 2 }, { n: 3 }])
  const ids = daemon.receivedOf('test:slow').map((request) => request._event_id)
  assert.deepEqual(ids.slice(3), ids.slice(0, 3))
  await client.close()
  assert.deepEqual(states, ['connected', 'reconnecting', 'connected', 'closed'])
})

test('a program sees no error while the daemon announces its end, goes away and comes back', async () => {
  const client = await open()
  assert.deepEqual(await client.request('test:echo', { n: 1 }), { n: 1 })
  for (const socket of daemon.sockets)
    socket.write('{"event":"system:shutdown_notification","data":{"reason":"daemon_shutdown"},"timestamp":1}\n')
  await daemon.stop()
  const reply = client.request('test:echo', { n: 2 })
  await daemon.start()
  assert.deepEqual(await reply, { n: 2 })
})

test('a reply that says the daemon restarts is not handed on: the request is sent again', async () => {
  let refusals = 2
  daemon.answers['test:held'] = (data) =>
    refusals-- > 0 ? envelopeError('no generation in time', 'KSI_RESTARTING') : data
  const client = await open()
  assert.deepEqual(await client.request('test:held', { n: 1 }), { n: 1 })
  assert.equal(new Set(daemon.receivedOf('test:held').map((request) => request._event_id)).size, 1)
  assert.equal(daemon.receivedOf('test:held').length, 3)
})

test('without reconnect a lost connection and a restarting daemon are errors at once', async () => {
  daemon.answers['test:held'] = () => envelopeError('no generation in time', 'KSI_RESTARTING')
  daemon.answers['test:slow'] = () => undefined
  const client = await open({ reconnect: false })
  await assert.rejects(client.request('test:held'), { code: 'KSI_RESTARTING' })
  const slow = client.request('test:slow')
  await daemon.until('test:slow')
  daemon.cut()
  await assert.rejects(slow, { code: 'KSI_UNREACHABLE' })
  await assert.rejects(client.request('test:echo'), { code: 'KSI_UNREACHABLE' })
})

test('a request without a reply in time is a time-out, and its late reply harms nothing', async () => {
  let reply: (() => void) | undefined
  daemon.answers['test:late'] = () => new Promise((resolve) => (reply = () => resolve({ late: true })))
  const client = await open()
  await assert.rejects(client.request('test:late', {}, { timeoutMs: 20 }), { code: 'KSI_TIMEOUT' })
  reply?.()
  assert.deepEqual(await client.request('test:echo', { n: 1 }), { n: 1 })
})

test('a request made while nobody answers says that the daemon cannot be reached', async () => {
  const client = await open()
  await daemon.stop()
  await assert.rejects(client.request('test:echo', {}, { timeoutMs: 100 }), {
    code: 'KSI_UNREACHABLE',
    message: /ksi start/,
  })
})

test('an aborted request is rejected with the reason and never sent again', async () => {
  daemon.answers['test:slow'] = () => undefined
  const client = await open()
  const controller = new AbortController()
  const reply = client.request('test:slow', {}, { signal: controller.signal })
  await daemon.until('test:slow')
  controller.abort(new Error('changed my mind'))
  await assert.rejects(reply, /changed my mind/)
  daemon.cut()
  await client.request('test:echo', {})
  assert.equal(daemon.receivedOf('test:slow').length, 1)
})

test('connect gives up at once without reconnect, and waits for a daemon that is coming with it', async () => {
  await daemon.stop()
  await assert.rejects(connect({ address: path, reconnect: false }), {
    code: 'KSI_UNREACHABLE',
    message: /no such socket/,
  })
  await assert.rejects(connect({ address: path, connectTimeoutMs: 50 }), { code: 'KSI_UNREACHABLE' })
  const coming = open()
  await daemon.start()
  assert.deepEqual(await (await coming).request('test:echo', { n: 1 }), { n: 1 })
})

test('connect can be aborted while it tries', async () => {
  await daemon.stop()
  const controller = new AbortController()
  const coming = connect({ address: path, signal: controller.signal })
  controller.abort(new Error('enough'))
  await assert.rejects(coming, /enough/)
})

test('over TCP the token goes with the first line of each connection, and a refusal ends the client', async (t) => {
  const tcp = await new FakeDaemon({ port: 0, host: '127.0.0.1' }).start()
  t.after(() => tcp.stop())
  tcp.answers['test:guarded'] = (data, request, socket) => {
    const first = tcp.received.length === 1 || tcp.received.length === 3
    if (!first || request._token === 'right-one') return { ...data, token: request._token ?? null }
    socket.end('{"error":"Unauthorized: say _token","code":"KSI_UNAUTHORIZED","correlation_id":null,"timestamp":1}\n')
    return undefined
  }
  const address = `127.0.0.1:${tcp.port}`
  const client = await open({ address, token: 'right-one' })
  assert.deepEqual(await client.request('test:guarded', { n: 1 }), { n: 1, token: 'right-one' })
  assert.deepEqual(await client.request('test:guarded', { n: 2 }), { n: 2, token: null })
  tcp.cut()
  assert.deepEqual(await client.request('test:guarded', { n: 3 }), { n: 3, token: 'right-one' })
  tcp.received.length = 0
  const stranger = await open({ address })
  await assert.rejects(stranger.request('test:guarded'), { code: 'KSI_UNAUTHORIZED' })
})

test('complete submits once and brings the outcome over a restart of the daemon', async () => {
  let waits = 0
  daemon.answers['completion:async'] = ({ request_id }) => sampleAcknowledgement({ request_id })
  daemon.answers['completion:wait'] = ({ request_id }) => {
    waits++
    if (waits === 1) return sampleRequest({ request_id, status: 'processing' })
    return waits === 2 ? undefined : sampleRequest({ request_id, status: 'completed' })
  }
  const client = await open()
  const outcome = client.complete({ prompt: 'hello' })
  await daemon.until('completion:wait', 2)
  await daemon.stop()
  await daemon.start()
  assert.equal((await outcome).status, 'completed')
  const [submitted] = daemon.receivedOf('completion:async')
  assert.equal(daemon.receivedOf('completion:async').length, 1)
  assert.match(String(submitted?.data?.request_id), /^[0-9a-f-]{36}$/)
  assert.ok(
    daemon.receivedOf('completion:wait').every((request) => request.data?.request_id === submitted?.data?.request_id),
  )
})

test('a wait does not hold up other requests of the client', async () => {
  daemon.answers['completion:wait'] = () => new Promise(() => {})
  const client = await open()
  const wait = client.wait('r1')
  wait.catch(() => {})
  await daemon.until('completion:wait')
  assert.deepEqual(await client.request('test:echo', { n: 1 }), { n: 1 })
  await client.close()
  await assert.rejects(wait, { code: 'KSI_UNREACHABLE' })
})

test('a wait without an outcome in time, or for an unknown request, is an error', async () => {
  daemon.answers['completion:wait'] = ({ request_id }) =>
    request_id === 'r1' ? sampleRequest() : { status: 'error', error: 'Unknown request_id: r2', code: 'KSI_NOT_FOUND' }
  const client = await open()
  await assert.rejects(client.wait('r1', { timeoutMs: 30 }), { code: 'KSI_TIMEOUT' })
  await assert.rejects(client.wait('r2'), { code: 'KSI_NOT_FOUND' })
})

test('a reply that says unauthorized ends the client with all its requests, and it does not come back', async () => {
  daemon.answers['test:guarded'] = () => envelopeError('Unauthorized: say _token', 'KSI_UNAUTHORIZED')
  daemon.answers['test:slow'] = () => undefined
  const client = await open()
  const slow = client.request('test:slow')
  await assert.rejects(client.request('test:guarded'), { code: 'KSI_UNAUTHORIZED' })
  await assert.rejects(slow, { code: 'KSI_UNAUTHORIZED' })
  await assert.rejects(client.request('test:echo'), { code: 'KSI_UNAUTHORIZED' })
})

test('a shutdown is not sent again to the daemon that comes after', async () => {
  daemon.answers['system:shutdown'] = (_data, _request, socket) => void socket.destroy()
  const client = await open()
  await assert.rejects(client.request('system:shutdown'), { code: 'KSI_UNREACHABLE' })
  await client.request('test:echo')
  assert.equal(daemon.receivedOf('system:shutdown').length, 1)
})
