import assert from 'node:assert/strict'
import { test } from 'node:test'
import { answerAll, isRequest, openFront } from './testing/front-harness.ts'

test('sends an unanswered request again under the same event id, then what was held, in order', async () => {
  await using h = await openFront()
  const [old, young] = [await h.generation(), await h.generation()]
  h.front.attach(old.stream)
  const [one, two] = [await h.client(), await h.client()]
  one.send({ event: 'completion:async', data: { n: 1 }, correlation_id: 1 })
  const first = await old.frames.next(isRequest)
  two.send({ event: 'completion:async', data: { n: 2 }, correlation_id: 2 })
  const second = await old.frames.next(isRequest)
  h.front.hold()
  one.send({ event: 'completion:async', data: { n: 3 }, correlation_id: 3 })
  await one.ask('supervisor:status')
  two.send({ event: 'completion:async', data: { n: 4 }, correlation_id: 4 })
  await two.ask('supervisor:status')
  assert.equal(h.front.stats().heldLines, 2)
  old.reply(first, { by: 'old' })
  assert.deepEqual((await one.inbox.next())['data'], { by: 'old' }, 'replies flow while lines are held')
  h.front.detach('handover')
  old.reply(second, { by: 'old, too late' })
  h.front.attach(young.stream)
  const again = [
    await young.frames.next(isRequest),
    await young.frames.next(isRequest),
    await young.frames.next(isRequest),
  ]
  assert.deepEqual(
    again.map((frame) => [JSON.parse(frame.json).data.n, frame.again]),
    [
      [2, true],
      [3, false],
      [4, false],
    ],
  )
  assert.equal(again[0]?.eventId, second.eventId)
  assert.deepEqual(
    young.frames.all.slice(0, 2).map((frame) => frame.kind),
    ['C', 'C'],
    'connections before requests',
  )
  for (const frame of again) young.reply(frame, { by: 'young' })
  assert.deepEqual((await two.inbox.next())['data'], { by: 'young' })
  assert.equal(old.requests().length, 2, 'nothing held reached the old generation')
  assert.deepEqual(h.front.stats(), { connections: 2, heldLines: 0, heldBytes: 0, unanswered: 0 })
})

test('takes the old generation back after a swap that failed, with or without having let go of it', async () => {
  await using h = await openFront()
  const generation = await h.generation()
  h.front.attach(generation.stream)
  const client = await h.client()
  client.send({ event: 'a' })
  await generation.frames.next(isRequest)
  h.front.hold()
  client.send({ event: 'b' })
  await client.ask('supervisor:status')
  h.front.attach(generation.stream)
  const b = await generation.frames.next(isRequest)
  assert.deepEqual([JSON.parse(b.json).event, b.again], ['b', false])
  assert.equal(generation.frames.all.filter((frame) => frame.kind === 'C').length, 1, 'it was not told anew')
  h.front.hold()
  h.front.detach('handover')
  generation.far.write('R 1 1 {"event":"a","da')
  h.front.attach(generation.stream)
  const again = [await generation.frames.next(isRequest), await generation.frames.next(isRequest)]
  assert.deepEqual(
    again.map((frame) => frame.again),
    [true, true],
  )
  generation.far.write('ta":1}\n')
  assert.equal(
    (await client.inbox.next((line) => line['event'] === 'a'))['data'],
    1,
    'a frame cut by the detach is whole',
  )
})

test('lets a new generation go on with a subscription after the last seq pushed', async () => {
  await using h = await openFront()
  const [old, young] = [await h.generation(), await h.generation()]
  h.front.attach(old.stream)
  const client = await h.client()
  client.send({ event: 'monitor:subscribe', data: { event_patterns: ['completion:*'] }, _client_id: 'me' })
  const request = await old.frames.next(isRequest)
  old.send({ kind: 'U', connection: 1, seq: 40 })
  old.reply(request, { status: 'subscribed' })
  old.send({ kind: 'P', connection: 1, seq: 41, json: '{"event":"completion:queued","seq":41}' })
  await client.inbox.next((line) => line['seq'] === 41)
  h.front.hold()
  old.send({ kind: 'P', connection: 1, seq: 42, json: '{"event":"completion:result","seq":42}' })
  await client.inbox.next((line) => line['seq'] === 42)
  h.front.detach('handover')
  h.front.attach(young.stream)
  const resumed = await young.frames.next((frame) => frame.kind === 'S')
  assert.equal(resumed.seq, 42)
  assert.deepEqual(JSON.parse(resumed.json), {
    events: { event_patterns: ['completion:*'], client_id: 'me' },
    streams: [],
  })
  young.send({ kind: 'P', connection: 1, seq: 43, json: '{"event":"completion:queued","seq":43}' })
  await client.inbox.next((line) => line['seq'] === 43)
  assert.deepEqual(
    client.inbox.all.map((line) => line['seq']).filter((seq) => seq !== undefined),
    [41, 42, 43],
  )
})

test('asks for no subscription that was refused or given up', async () => {
  await using h = await openFront()
  const [old, young] = [await h.generation(), await h.generation()]
  h.front.attach(old.stream)
  const [refused, ended] = [await h.client(), await h.client()]
  refused.send({ event: 'monitor:subscribe', data: {} })
  old.reply(await old.frames.next(isRequest), { status: 'error', error: 'no' })
  await refused.inbox.next()
  ended.send({ event: 'monitor:subscribe', data: {} })
  const request = await old.frames.next(isRequest)
  old.send({ kind: 'U', connection: 2, seq: 7 })
  old.reply(request, { status: 'subscribed' })
  old.send({ kind: 'U', connection: 2, seq: -1 })
  old.reply(await (ended.send({ event: 'monitor:unsubscribe' }), old.frames.next(isRequest)))
  await ended.inbox.next((line) => line['event'] === 'monitor:unsubscribe')
  h.front.detach()
  h.front.attach(young.stream)
  refused.send({ event: 'last' })
  await young.frames.next(isRequest)
  assert.deepEqual(young.frames.all.map((frame) => frame.kind).sort(), ['C', 'C', 'Q'])
})

test('runs the lines of a client that wrote and hung up meanwhile, and only then tells that it is gone', async () => {
  await using h = await openFront()
  const client = await h.client('tcp')
  client.send({ event: 'completion:async', data: { n: 1 } })
  client.send({ event: 'completion:async', data: { n: 2 } })
  await client.ask('supervisor:status')
  client.socket.resetAndDestroy()
  const witness = await h.client()
  while (h.front.stats().connections > 1) await witness.ask('supervisor:status')
  const generation = await h.generation()
  h.front.attach(generation.stream)
  assert.equal((await generation.frames.next((frame) => frame.kind === 'X')).connection, 1)
  const ofClient = generation.frames.all.filter((frame) => frame.connection === 1)
  assert.deepEqual(
    ofClient.map((frame) => frame.kind),
    ['C', 'Q', 'Q', 'X'],
  )
  for (const request of generation.requests()) generation.reply(request)
  answerAll(generation)
  await witness.ask('a')
  assert.equal(h.front.stats().unanswered, 0)
})

test('runs the lines of a local client that wrote and closed, and forgets it after the replies', async () => {
  await using h = await openFront()
  const client = await h.client()
  client.socket.end('{"event":"a"}\n{"event":"b"}\n')
  client.socket.destroySoon()
  await client.closed
  const witness = await h.client()
  while (h.front.stats().heldLines < 2) await witness.ask('supervisor:status')
  const generation = await h.generation()
  h.front.attach(generation.stream)
  answerAll(generation)
  await generation.frames.next((frame) => frame.kind === 'X')
  assert.equal(generation.requests().length, 2)
  assert.deepEqual(h.front.stats(), { connections: 1, heldLines: 0, heldBytes: 0, unanswered: 0 })
})

test('keeps no request of a client that is gone for longer than lines are held', async () => {
  await using h = await openFront({ holdMs: 40 })
  const generation = await h.generation()
  h.front.attach(generation.stream)
  const [client, witness] = [await h.client('tcp'), await h.client()]
  client.send({ event: 'completion:wait' })
  await generation.frames.next(isRequest)
  client.socket.resetAndDestroy()
  await generation.frames.next((frame) => frame.kind === 'X')
  assert.equal(h.front.stats().unanswered, 1)
  while (h.front.stats().unanswered > 0) await witness.ask('supervisor:status')
})

test('loses nothing when the stream of a killed generation breaks before anyone says so', async () => {
  await using h = await openFront()
  const [old, young] = [await h.generation(), await h.generation()]
  h.front.attach(old.stream)
  const client = await h.client()
  client.send({ event: 'a' })
  await old.frames.next(isRequest)
  const broken = new Promise((resolve) => old.stream.once('close', resolve))
  old.far.destroy()
  old.stream.destroy()
  await broken
  assert.deepEqual((await client.ask('system:health'))['data'], { status: 'restarting' })
  h.front.attach(young.stream)
  assert.equal((await young.frames.next(isRequest)).again, true)
})
