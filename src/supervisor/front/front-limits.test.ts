import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FrameToFront } from '../../contracts/relay.ts'
import { answerAll, isRequest, openFront } from './testing/front-harness.ts'

test('tells held and relayed lines apart when the daemon does not come back in time', async () => {
  await using h = await openFront({ holdMs: 60 })
  const generation = await h.generation()
  h.front.attach(generation.stream)
  const client = await h.client()
  client.send({ event: 'relayed', correlation_id: { any: 1 } })
  await generation.frames.next(isRequest)
  h.front.detach()
  client.send({ event: 'held', correlation_id: 'h' })
  const relayed = await client.inbox.next((line) => line['event'] === 'relayed')
  const held = await client.inbox.next((line) => line['event'] === 'held')
  assert.deepEqual(
    [relayed['code'], relayed['correlation_id'], held['code'], held['correlation_id']],
    ['KSI_RESTARTING', { any: 1 }, 'KSI_RESTARTING', 'h'],
  )
  assert.match(String(relayed['error']), /MAY have been taken.*60 ms/)
  assert.match(String(held['error']), /NOT taken.*60 ms/)
  assert.equal(h.front.stats().unanswered, 0)
})

test('holds 10,000 lines and says no to the next, at once', async () => {
  await using h = await openFront()
  const clients = await Promise.all(Array.from({ length: 21 }, () => h.client()))
  for (const client of clients) client.send('{"event":"a","correlation_id":1}\n'.repeat(500))
  const refusal = await Promise.race(clients.map((client) => client.inbox.next()))
  assert.equal(refusal['code'], 'KSI_RESTARTING')
  assert.match(String(refusal['error']), /NOT taken.*10000/)
  assert.equal(h.front.stats().heldLines, 10_000)
})

test('does not read on from a client with more than 1,000 lines unanswered until half of them are', async () => {
  await using h = await openFront()
  const client = await h.client()
  const other = await h.client()
  const line = `${JSON.stringify({ event: 'a', data: { pad: 'x'.repeat(2_000) } })}\n`
  client.send(line.repeat(5_000))
  while (h.front.stats().heldLines <= 1_000) await other.ask('supervisor:status')
  for (let i = 0; i < 20; i++) await other.ask('supervisor:status')
  const generation = await h.generation()
  const { heldLines } = h.front.stats()
  assert.ok(heldLines < 1_100, `${heldLines} lines were held`)
  answerAll(generation)
  h.front.attach(generation.stream)
  while (client.inbox.all.length < 5_000) await client.inbox.next()
  assert.equal(h.front.stats().unanswered, 0)
})

test('what a client sent before it hung up is looked at in its turn, and not all at once', async () => {
  await using h = await openFront()
  const generation = await h.generation()
  h.front.attach(generation.stream)
  const [client, witness] = [await h.client(), await h.client()]
  const sent = 3_000
  await new Promise<void>((resolve) => client.socket.write('{"event":"a"}\n'.repeat(sent), () => resolve()))
  client.socket.destroy()
  await client.closed
  while (h.front.stats().unanswered < 1_000) await witness.ask('supervisor:status')
  for (let i = 0; i < 100; i++) await witness.ask('supervisor:status')
  const { unanswered } = h.front.stats()
  assert.ok(unanswered <= 1_024, `${unanswered} lines of one client are under way`)
  answerAll(generation)
  await generation.frames.next((frame) => frame.kind === 'X')
  while (h.front.stats().unanswered > 0) await witness.ask('supervisor:status')
  assert.equal(generation.requests().length, sent)
  assert.equal(h.front.stats().connections, 1)
})

test('stops pushes to a client that does not read, serves others, and goes on when it reads', async () => {
  await using h = await openFront()
  const generation = await h.generation()
  h.front.attach(generation.stream)
  const [slow, other] = [await h.client(), await h.client()]
  slow.socket.pause()
  const push = (seq: number): FrameToFront => {
    const json = JSON.stringify({ event: 'e', seq, data: { pad: 'x'.repeat(100_000) } })
    return { kind: 'P', connection: 1, seq, json }
  }
  let seq = 0
  const stopped = generation.frames.next((frame) => frame.kind === 'Z')
  const turn = (): Promise<undefined> => new Promise((resolve) => setImmediate(() => resolve(undefined)))
  while ((await Promise.race([stopped, turn()])) === undefined) generation.send(push(++seq))
  answerAll(generation)
  assert.deepEqual((await other.ask('a'))['data'], { ok: true })
  assert.ok(seq < 160, `${seq} pushes of 100 KB went out before the stop`)
  slow.socket.resume()
  assert.equal((await generation.frames.next((frame) => frame.kind === 'W')).connection, 1)
  generation.send(push(++seq))
  await slow.inbox.next((line) => line['seq'] === seq)
  assert.equal(slow.inbox.all.length, seq)
})

test('cuts a client that lets more than 16 MiB lie unread', async () => {
  await using h = await openFront()
  const generation = await h.generation()
  h.front.attach(generation.stream)
  const [dead, other] = [await h.client(), await h.client()]
  dead.socket.pause()
  const json = JSON.stringify({ pad: 'x'.repeat(100_000) })
  for (let seq = 1; seq <= 300; seq++) generation.send({ kind: 'P', connection: 1, seq, json })
  assert.equal((await generation.frames.next((frame) => frame.kind === 'X')).connection, 1)
  answerAll(generation)
  assert.deepEqual((await other.ask('a'))['data'], { ok: true })
})

test('lines without an end cannot fill the memory: past their bound who has most is refused', async () => {
  await using h = await openFront({ maxLineBytes: 64 * 1024 * 1024 })
  const half = 'x'.repeat(60 * 1024 * 1024)
  const clients = await Promise.all(Array.from({ length: 5 }, () => h.client()))
  for (const client of clients) client.send(half)
  const refusal = await Promise.race(clients.map((client) => client.inbox.next()))
  assert.equal(refusal['code'], 'KSI_LINE_TOO_LONG')
  assert.match(String(refusal['error']), /lines without an end/)
  const [other, witness] = [await h.client(), await h.client()]
  other.send('{"event":"supervisor:st')
  await witness.ask('supervisor:status')
  other.send('atus","correlation_id":"in two parts"}\n')
  await other.inbox.next((line) => line['correlation_id'] === 'in two parts')
  await other.ask('supervisor:status')
  for (const client of clients) client.socket.destroy()
  while (h.front.stats().connections > 2) await other.ask('supervisor:status')
  const later = await h.client()
  later.send('x'.repeat(1024 * 1024))
  await other.ask('supervisor:status')
  assert.equal(later.inbox.all.length, 0, 'what is gone does not count any more')
})
