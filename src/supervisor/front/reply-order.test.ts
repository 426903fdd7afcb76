import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ReplyOrder } from './reply-order.ts'
import { isRequest, openFront } from './testing/front-harness.ts'

test('replies go out in the order of requests, whichever is ready first', () => {
  const sent: string[] = []
  const order = new ReplyOrder((line) => sent.push(line))
  const places = Array.from({ length: 3_000 }, () => order.next(false))
  for (const [index, place] of [...places.entries()].toReversed()) {
    if (index === 7) place.drop()
    place.reply(`${index}`)
    if (index === 2_000) assert.deepEqual([sent, order.held], [[], 4_000])
  }
  assert.deepEqual(
    sent,
    places.flatMap((_, index) => (index === 7 ? [] : [`${index}`])),
  )
  assert.equal(order.held, 0)
})

test('one that need not be in order neither waits nor is waited for', () => {
  const sent: string[] = []
  const order = new ReplyOrder((line) => sent.push(line))
  const [slow, free, quick] = [order.next(false), order.next(true), order.next(false)]
  quick.reply('quick')
  free.reply('free')
  free.reply('again')
  assert.deepEqual(sent, ['free'])
  slow.reply('slow')
  assert.deepEqual(sent, ['free', 'slow', 'quick'])
})

test('behind a slow request a connection is answered in order, errors too, and nobody else waits', async () => {
  await using h = await openFront()
  const generation = await h.generation()
  h.front.attach(generation.stream)
  const client = await h.client()
  const ordered = (event: string, id: number): string => `${JSON.stringify({ event, correlation_id: id })}\n`
  client.send(
    `${ordered('completion:wait', 1)}${ordered('system:health', 2)}no JSON\n${ordered('supervisor:status', 3)}`,
  )
  const [wait, health] = [await generation.frames.next(isRequest), await generation.frames.next(isRequest)]
  generation.send({ kind: 'T', connection: wait.connection, relay: wait.relay })
  generation.reply(health)
  const other = await h.client()
  const asked = other.ask('system:health')
  generation.reply(await generation.frames.next(isRequest))
  await asked
  assert.deepEqual(client.inbox.all, [])
  generation.reply(wait)
  const replies = [
    await client.inbox.next(),
    await client.inbox.next(),
    await client.inbox.next(),
    await client.inbox.next(),
  ]
  assert.deepEqual(
    replies.map((reply) => reply['correlation_id']),
    [1, 2, null, 3],
  )
})

test('health waits while one generation hands over to the next, and hears of it where there is none', async () => {
  await using h = await openFront({ healthMs: 100 })
  const [old, young] = [await h.generation(), await h.generation()]
  h.front.attach(old.stream)
  const client = await h.client()
  h.front.hold()
  const asked = client.ask('system:health')
  h.front.detach('handover')
  h.front.attach(young.stream)
  young.reply(await young.frames.next(isRequest), { status: 'healthy' })
  assert.deepEqual((await asked)['data'], { status: 'healthy' })
  assert.deepEqual(h.answered, [])
  h.front.detach()
  assert.deepEqual((await client.ask('system:health'))['data'], { status: 'restarting' })
})
