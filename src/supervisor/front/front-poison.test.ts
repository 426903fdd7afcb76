import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Frame } from '../../contracts/relay.ts'
import type { Front } from './front.ts'
import { isRequest, openFront } from './testing/front-harness.ts'
import type { Client, FakeGeneration, Harness, RequestFrame } from './testing/front-harness.ts'

const eventOf = (frame: { json: string }): string => JSON.parse(frame.json).event
const isSubscription = (frame: Frame): frame is Extract<Frame, { kind: 'S' }> => frame.kind === 'S'
const isGood = (frame: Frame): frame is RequestFrame => isRequest(frame) && eventOf(frame) === 'good'

/** Answers what comes, and dies of the first line whose event is `bad`. @returns what it was given */
async function live(front: Front, generation: FakeGeneration, bad: string): Promise<string[]> {
  const given: string[] = []
  front.attach(generation.stream)
  for (;;) {
    const frame = await generation.frames.next(isRequest)
    given.push(eventOf(frame))
    if (eventOf(frame) === bad) break
    generation.reply(frame)
  }
  front.detach('death')
  return given
}

test('a line that ends two generations by itself is put aside by name; its client is told, and served on', async () => {
  await using h = await openFront()
  const client = await h.client()
  client.send({ event: 'bad', data: { request_id: 'r1' }, correlation_id: 'b' })
  await client.ask('supervisor:status')
  for (let i = 0; i < 2; i++) assert.deepEqual(await live(h.front, await h.generation(), 'bad'), ['bad'])
  const reply = await client.inbox.next((line) => line['correlation_id'] === 'b')
  assert.equal(reply['code'], 'KSI_POISON')
  const [record, ...others] = h.front.poison()
  assert.deepEqual([record?.event, record?.request_id, record?.times, others], ['bad', 'r1', 1, []])
  const third = await h.generation()
  h.front.attach(third.stream)
  client.send({ event: 'good' })
  assert.equal(eventOf(await third.frames.next(isRequest)), 'good')
  assert.equal((await client.ask('bad', { request_id: 'r1' }))['code'], 'KSI_POISON', 'not tried again under this code')
  h.front.detach('handover')
  const mended = await h.generation()
  h.front.attach(mended.stream)
  client.send({ event: 'bad', data: { request_id: 'r1' } })
  await mended.frames.next((frame) => isRequest(frame) && eventOf(frame) === 'bad')
})

test('of 199 good lines and one bad in one write the good ones are answered and never counted', async () => {
  await using h = await openFront()
  const client = await h.client()
  const first = await h.generation()
  h.front.attach(first.stream)
  const lines = Array.from({ length: 200 }, (_, i) => ({ event: i === 150 ? 'bad' : 'good', correlation_id: i }))
  client.send(lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
  for (let i = 0; i < 200; i++) await first.frames.next(isRequest)
  h.front.detach('death')
  const second = await live(h.front, await h.generation(), 'bad')
  assert.equal(second.length, 151, 'in groups, up to the bad one')
  const third = await live(h.front, await h.generation(), 'bad')
  assert.ok(third.length <= 14, 'then those of its group one by one')
  assert.deepEqual(await live(h.front, await h.generation(), 'bad'), ['bad'])
  const last = await h.generation()
  void live(h.front, last, 'bad')
  while (client.inbox.all.length < 200) await client.inbox.next()
  const refused = client.inbox.all.filter((line) => line['code'] !== undefined)
  assert.deepEqual(
    refused.map((line) => [line['correlation_id'], line['code']]),
    [[150, 'KSI_POISON']],
  )
})

test('nothing new goes out before what the last generation had in hand was tried', async () => {
  await using h = await openFront()
  const client = await h.client()
  const first = await h.generation()
  h.front.attach(first.stream)
  client.send('{"event":"a"}\n{"event":"b"}\n')
  for (let i = 0; i < 2; i++) await first.frames.next(isRequest)
  h.front.detach()
  const second = await h.generation()
  h.front.attach(second.stream)
  client.send({ event: 'new' })
  const a = await second.frames.next(isRequest)
  await client.ask('supervisor:status')
  assert.equal(second.requests().length, 1)
  second.send({ kind: 'T', connection: 1, relay: a.relay })
  second.reply(await second.frames.next(isRequest))
  assert.equal(eventOf(await second.frames.next(isRequest)), 'new', 'what was run and waits holds up nobody')
  assert.deepEqual(second.requests().map(eventOf), ['a', 'b', 'new'])
})

test('a line that was run and waits is not blamed for deaths, nor a line while the code has just changed', async () => {
  await using h = await openFront()
  const client = await h.client()
  client.send({ event: 'wait', correlation_id: 'w' })
  await client.ask('supervisor:status')
  let last = await h.generation()
  for (let i = 0; i < 5; i++) {
    last = await h.generation()
    h.front.attach(last.stream)
    const frame = await last.frames.next(isRequest)
    if (i < 3) {
      last.send({ kind: 'T', connection: 1, relay: frame.relay })
      last.send({ kind: 'U', connection: 1, seq: 5 })
      await client.ask('supervisor:status')
    }
    h.front.detach(i < 3 ? 'death' : 'probation')
  }
  last = await h.generation()
  h.front.attach(last.stream)
  last.reply(await last.frames.next(isRequest), 'at last')
  assert.equal((await client.inbox.next((line) => line['correlation_id'] === 'w'))['data'], 'at last')
  assert.deepEqual(h.front.poison(), [])
})

test('a stream that breaks before anyone says why is judged by what is said then', async () => {
  await using h = await openFront()
  const client = await h.client()
  client.send({ event: 'a' })
  await client.ask('supervisor:status')
  for (const cause of ['probation', 'probation', 'death'] as const) {
    const generation = await h.generation()
    h.front.attach(generation.stream)
    await generation.frames.next(isRequest)
    const broken = new Promise((resolve) => generation.stream.once('close', resolve))
    generation.far.destroy()
    generation.stream.destroy()
    await broken
    h.front.detach(cause)
  }
  assert.deepEqual(h.front.poison(), [])
})

/** Two clients with a subscription each, known to a generation that has died with nothing in hand. */
async function twoSubscribers(h: Harness): Promise<Client[]> {
  const first = await h.generation()
  h.front.attach(first.stream)
  const clients = [await h.client(), await h.client()]
  for (const [i, client] of clients.entries()) {
    client.send({ event: 'monitor:subscribe', data: { event_patterns: [`p${i}`] } })
    const request = await first.frames.next(isRequest)
    first.send({ kind: 'U', connection: i + 1, seq: 7 })
    first.reply(request, { status: 'subscribed' })
    await client.inbox.next()
  }
  h.front.detach('death')
  return clients
}

test('a subscription that ends two generations is put aside, those beside it stand', async () => {
  await using h = await openFront()
  const [good, bad] = await twoSubscribers(h)
  for (let i = 0; i < 2; i++) {
    const generation = await h.generation()
    h.front.attach(generation.stream)
    for (const connection of [1, 2]) {
      const subscription = await generation.frames.next(isSubscription)
      assert.deepEqual([subscription.connection, subscription.seq], [connection, 7])
      if (connection === 1) generation.send({ kind: 'U', connection, seq: 7 })
    }
    await good?.ask('supervisor:status')
    h.front.detach('death')
  }
  const told = await bad?.inbox.next()
  assert.deepEqual([told?.['event'], told?.['code']], ['monitor:subscribe', 'KSI_POISON'])
  const last = await h.generation()
  h.front.attach(last.stream)
  await last.frames.next(isSubscription)
  good?.send({ event: 'after' })
  await last.frames.next(isRequest)
  assert.deepEqual(
    last.frames.all.filter(isSubscription).map(({ connection }) => connection),
    [1],
  )
})

test('a subscription that ends generations when it gets a push is put aside, and no line is', async () => {
  await using h = await openFront()
  const first = await h.generation()
  h.front.attach(first.stream)
  const [deadly, harmless, sender] = [await h.client(), await h.client(), await h.client()]
  for (const [i, client] of [deadly, harmless].entries()) {
    client.send({ event: 'monitor:subscribe' })
    const request = await first.frames.next(isRequest)
    first.send({ kind: 'U', connection: i + 1, seq: 7 })
    first.reply(request, { status: 'subscribed' })
    await client.inbox.next()
  }
  sender.send({ event: 'completion:async', correlation_id: 'l' })
  // It is committed, and tells the subscriber of it, before it replies.
  await first.frames.next(isRequest)
  h.front.detach('death')
  let answered = false
  const isTold = (): boolean => deadly.inbox.all.some((line) => line['code'] === 'KSI_POISON')
  for (let generations = 0; !isTold() || !answered; generations++) {
    assert.ok(generations < 8, `${generations} generations died`)
    const generation = await h.generation()
    h.front.attach(generation.stream)
    for (let dead = false; !dead && !(isTold() && answered);) {
      const frame = await generation.frames.next((one) => isSubscription(one) || isRequest(one))
      if (isSubscription(frame) && frame.connection === 1) dead = true
      else if (isSubscription(frame)) generation.send({ kind: 'U', connection: frame.connection, seq: 8 })
      else if (isRequest(frame)) {
        generation.reply(frame, 'taken')
        answered = (await sender.inbox.next())['data'] === 'taken'
      }
    }
    if (!isTold()) h.front.detach('death')
  }
  assert.deepEqual(
    h.front.poison().map(({ event }) => event),
    ['monitor:subscribe'],
  )
})

test('generations that die one after the other with nothing in hand have their subscriptions tried', async () => {
  await using h = await openFront()
  await twoSubscribers(h)
  const second = await h.generation()
  h.front.attach(second.stream)
  for (const connection of [1, 2]) {
    await second.frames.next(isSubscription)
    second.send({ kind: 'U', connection, seq: 7 })
  }
  const settled = await h.client()
  for (let i = 0; i < 3; i++) await settled.ask('supervisor:status')
  h.front.detach('death')
  const third = await h.generation()
  h.front.attach(third.stream)
  await third.frames.next(isSubscription)
  settled.send({ event: 'later' })
  for (let i = 0; i < 3; i++) await settled.ask('supervisor:status')
  assert.deepEqual(third.frames.all.filter(({ kind }) => kind === 'S' || kind === 'Q').length, 1)
})

test('a generation that was killed from outside blames nobody: everything goes again at once', async () => {
  await using h = await openFront()
  const client = await h.client()
  client.send(Array.from({ length: 50 }, (_, i) => `{"event":"e${i}"}\n`).join(''))
  await client.ask('supervisor:status')
  for (let i = 0; i < 3; i++) {
    const generation = await h.generation()
    h.front.attach(generation.stream)
    for (let n = 0; n < 50; n++) assert.equal(eventOf(await generation.frames.next(isRequest)), `e${n}`)
    h.front.detach('outside')
  }
  assert.deepEqual(h.front.poison(), [])
})

test('a line that ended a generation is not tried again once its client has left', async () => {
  await using h = await openFront()
  const [client, witness] = [await h.client('tcp'), await h.client()]
  client.send({ event: 'bad' })
  await client.ask('supervisor:status')
  await live(h.front, await h.generation(), 'bad')
  client.socket.resetAndDestroy()
  while (h.front.stats().connections > 1) await witness.ask('supervisor:status')
  const second = await h.generation()
  h.front.attach(second.stream)
  witness.send({ event: 'good' })
  assert.equal(eventOf(await second.frames.next(isRequest)), 'good')
})

test('the time lines are held counts from when the line came, however often a generation dies with it', async () => {
  await using h = await openFront({ holdMs: 150 })
  const client = await h.client()
  client.send('{"event":"a","correlation_id":"a"}\n{"event":"b","correlation_id":"b"}\n')
  await client.ask('supervisor:status')
  const begun = performance.now()
  const isTold = (): boolean => client.inbox.all.some((line) => line['correlation_id'] === 'b')
  while (!isTold()) {
    const generation = await h.generation()
    h.front.attach(generation.stream)
    await generation.frames.next(isRequest)
    await new Promise((resolve) => setTimeout(resolve, 20))
    h.front.detach('probation')
    await client.ask('supervisor:status')
    assert.ok(performance.now() - begun < 5_000)
  }
  const told = client.inbox.all.find((line) => line['correlation_id'] === 'b')
  assert.equal(told?.['code'], 'KSI_RESTARTING')
})

test('a line on trial that nobody waits for any more holds up nobody', async () => {
  await using h = await openFront({ holdMs: 500 })
  const [gone, subscriber, witness] = [await h.client('tcp'), await h.client(), await h.client()]
  const first = await h.generation()
  h.front.attach(first.stream)
  subscriber.send({ event: 'monitor:subscribe' })
  const request = await first.frames.next(isRequest)
  first.send({ kind: 'U', connection: request.connection, seq: 7 })
  first.reply(request, { status: 'subscribed' })
  await subscriber.inbox.next()
  gone.send('{"event":"a"}\n{"event":"b"}\n')
  for (let i = 0; i < 2; i++) await first.frames.next(isRequest)
  h.front.detach('death')
  const second = await h.generation()
  h.front.attach(second.stream)
  await second.frames.next(isSubscription)
  subscriber.socket.destroy()
  await second.frames.next(isRequest)
  gone.socket.resetAndDestroy()
  witness.send({ event: 'good' })
  assert.equal(eventOf(await second.frames.next(isGood)), 'good')
})
