import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, test } from 'node:test'
import { connect } from './client.ts'
import type { KsiClient } from './client.ts'
import type { Subscription } from './subscription.ts'
import { FakeDaemon } from './testing/fake-daemon.ts'

let dir: string
let path: string
let daemon: FakeDaemon
let client: KsiClient

before(() => {
  dir = mkdtempSync(join(tmpdir(), 'ksi-client-'))
  path = join(dir, 'daemon.sock')
})
after(() => rmSync(dir, { recursive: true, force: true }))
beforeEach(async () => {
  daemon = await new FakeDaemon({ path }).start()
  client = await connect({ address: path })
})
afterEach(async () => {
  await client.close()
  await daemon.stop()
})

async function read(subscription: Subscription, count: number): Promise<number[]> {
  const seqs: number[] = []
  while (seqs.length < count) {
    const { done, value } = await subscription.next()
    if (done) break
    seqs.push(value.seq)
  }
  return seqs
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, n) => from + n)

test('a subscription brings the events that fit its patterns, those since a seq first', async () => {
  daemon.emitAny('a:one')
  daemon.emitAny('b:two')
  daemon.emitAny('a:three')
  const subscription = client.subscribe({ patterns: ['a:*'], since: 1 })
  await subscription.ready
  daemon.emitAny('b:four')
  daemon.emitAny('a:five')
  assert.deepEqual(await read(subscription, 2), [3, 5])
})

test('nothing is missed and nothing doubled over restarts, also before the first push', async () => {
  daemon.emitAny('a:old')
  const subscription = client.subscribe()
  await subscription.ready
  for (let round = 0; round < 5; round++) {
    await daemon.stop()
    daemon.emitAny('a:while-away')
    await daemon.start()
    await daemon.until('monitor:subscribe', round + 2)
    daemon.emitAny('a:after')
  }
  assert.deepEqual(await read(subscription, 10), range(2, 11))
})

test('what a daemon pushes twice is read once', async () => {
  const subscription = client.subscribe({ since: 0 })
  await subscription.ready
  daemon.emitAny('a:one')
  assert.deepEqual(await read(subscription, 1), [1])
  for (const socket of daemon.sockets)
    socket.write('{"event":"a:one","event_name":"a:one","seq":1,"timestamp":1,"data":{}}\n')
  daemon.emitAny('a:two')
  assert.deepEqual(await read(subscription, 1), [2])
})

test('a journal that began anew is read from its start', async () => {
  for (let n = 0; n < 5; n++) daemon.emitAny('a:old')
  const subscription = client.subscribe()
  await subscription.ready
  await daemon.stop()
  daemon.forget()
  daemon.emitAny('a:new')
  await daemon.start()
  daemon.emitAny('a:new')
  assert.deepEqual(await read(subscription, 2), [1, 2])
})

test('a reader that falls behind stops the socket, and then reads everything in order', async () => {
  const total = 20_000
  const filler = 'x'.repeat(500)
  const subscription = client.subscribe()
  await subscription.ready
  for (let n = 0; n < total; n++) daemon.emitAny('a:much', { filler })
  const [, socket] = daemon.sockets
  // Time enough to read it all, if it were read.
  for (let turn = 0; turn < 500; turn++) await client.request('nothing:known', {}, { raw: true })
  const waiting = socket?.writableLength ?? 0
  assert.ok(waiting > 10_000_000, `${waiting} bytes wait at the daemon, not here`)
  assert.deepEqual(await read(subscription, total), range(1, total))
})

test('leaving the loop ends the subscription and its connection', async () => {
  const subscription = client.subscribe()
  await subscription.ready
  const [, socket] = daemon.sockets
  assert.ok(socket)
  const closed = once(socket, 'close')
  daemon.emitAny('a:one')
  for await (const push of subscription) {
    assert.equal(push.event, 'a:one')
    break
  }
  assert.deepEqual(await subscription.next(), { done: true, value: undefined })
  await closed
  assert.equal(daemon.sockets.size, 1)
})

test('closing the client ends the loop of a reader that waits', async () => {
  const subscription = client.subscribe()
  await subscription.ready
  const waiting = subscription.next()
  await client.close()
  assert.deepEqual(await waiting, { done: true, value: undefined })
})

test('an aborted subscription throws the reason, after what had come', async () => {
  const controller = new AbortController()
  const subscription = client.subscribe({ since: 0, signal: controller.signal })
  await subscription.ready
  daemon.emitAny('a:one')
  assert.deepEqual(await read(subscription, 1), [1])
  controller.abort(new Error('enough'))
  await assert.rejects(subscription.next(), /enough/)
})

test('a subscription the daemon refuses fails where it is awaited', async () => {
  daemon.answers['monitor:subscribe'] = () => ({
    status: 'error',
    error: 'event_patterns: too many',
    code: 'KSI_BAD_REQUEST',
  })
  const subscription = client.subscribe()
  await assert.rejects(subscription.ready, { code: 'KSI_BAD_REQUEST' })
  await assert.rejects(subscription.next(), { code: 'KSI_BAD_REQUEST' })
})
