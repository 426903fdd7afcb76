import assert from 'node:assert/strict'
import { duplexPair } from 'node:stream'
import type { Duplex } from 'node:stream'
import { test } from 'node:test'
import { decodeFrame } from '../../contracts/relay.ts'
import type { Frame } from '../../contracts/relay.ts'
import { LineDecoder } from '../../lib/ndjson.ts'
import { countRequests, giveLeaseTo, muchText, setFull } from '../../store/testing/temp-journal.ts'
import type { Core } from '../core.ts'
import { Monitor } from '../monitor/monitor.ts'
import { TestRoot, addEvent } from '../testing/test-core.ts'
import { serveRelay } from './relay-server.ts'
import type { Transport } from './relay-server.ts'

type Data = Record<string, unknown>
type RelayedReply = Extract<Frame, { kind: 'R' }>

const dataOf = (reply: Data | undefined): Data => (reply?.data ?? {}) as Data

/** The front's end of the relay. */
class Front {
  readonly frames: (Frame | undefined)[] = []
  readonly transport: Transport
  readonly #stream: Duplex
  #waiting: (() => void)[] = []

  constructor(core: Core) {
    const [front, generation] = duplexPair()
    this.#stream = front
    const decoder = new LineDecoder(64_000_000, (line) => this.frames.push(decodeFrame(line)))
    front.on('data', (chunk: Buffer) => {
      decoder.push(chunk)
      for (const wake of this.#waiting.splice(0)) wake()
    })
    const monitor = new Monitor(core)
    this.transport = serveRelay(generation, core, monitor)
    monitor.connect((frame) => this.transport.send(frame))
  }

  write(...frames: string[]): void {
    this.#stream.write(frames.map((frame) => `${frame}\n`).join(''))
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  /** Sends request lines in one chunk and gives their replies. */
  async ask(...lines: [id: number, event: string, data?: Data][]): Promise<Data[]> {
    const from = this.frames.length
    this.write(
      ...lines.map(
        ([id, event, data = {}]) =>
          `Q 1 ${id} 0 event-${id} ${JSON.stringify({ event, data, correlation_id: `c${id}` })}`,
      ),
    )
    const replies = (): Data[] =>
      this.frames
        .slice(from)
        .flatMap((frame) => (frame?.kind === 'R' && frame.connection === 1 ? [JSON.parse(frame.json) as Data] : []))
    await this.until(() => replies().length === lines.length)
    return replies()
  }
}

const connect = 'C 1 {"transport":"unix","connected_at":5}'
const count = (core: Core): number => countRequests(core.journal)

test('each line is answered with its correlation id, by number of results', async () => {
  using root = new TestRoot()
  const core = root.core()
  root.completion(core)
  addEvent(core, 'notes:none', () => null)
  addEvent(core, 'notes:late', async () => 'late')
  for (const i of [1, 2]) addEvent(core, 'notes:two', () => i)
  const front = new Front(core)
  front.write(connect)
  const replies = await front.ask(
    [1, 'notes:none'],
    [2, 'notes:late'],
    [3, 'notes:two'],
    [4, 'completion:async', { prompt: 'x' }],
  )
  const byId = new Map(replies.map((reply) => [reply.correlation_id, reply]))
  assert.deepEqual([byId.get('c1')?.data, byId.get('c1')?.count], [[], 0])
  assert.deepEqual([byId.get('c2')?.data, byId.get('c2')?.count], ['late', 1])
  assert.deepEqual([byId.get('c3')?.data, byId.get('c3')?.count], [[1, 2], 2])
  const id = dataOf(byId.get('c4')).request_id
  assert.deepEqual(JSON.parse(core.requests.get(String(id))?.client ?? ''), {
    client_id: null,
    transport: 'unix',
    connection: 1,
    connected_at: 5,
  })
})

test('lines that arrive together are one transaction', async () => {
  using root = new TestRoot()
  const core = root.core()
  root.completion(core)
  const transactions: number[] = []
  const front = new Front(core)
  // In the monitor's place.
  core.journal.onEvents((events) => transactions.push(events.length))
  await front.ask(
    ...Array.from({ length: 50 }, (_, i): [number, string, Data] => [i, 'completion:async', { prompt: `${i}` }]),
  )
  assert.deepEqual(transactions, [50])
})

test('when the transaction fails, every request of the batch gets an error and none is kept', async () => {
  using root = new TestRoot()
  const core = root.core()
  root.completion(core)
  const front = new Front(core)
  setFull(core.journal, true)
  const batch: [number, string, Data][] = [
    [1, 'completion:async', { prompt: 'small' }],
    [2, 'completion:async', { prompt: muchText }],
    [3, 'completion:async', { prompt: 'small' }],
  ]
  front.write(connect)
  for (const reply of await front.ask(...batch)) assert.equal(dataOf(reply).code, 'KSI_DISK_FULL')
  assert.equal(count(core), 0)
  setFull(core.journal, false)
  for (const reply of await front.ask(...batch)) assert.equal(dataOf(reply).status, 'queued')
  assert.equal(count(core), 3)
})

test('a generation that lost the journal answers with an error, and still knows its connections', async () => {
  using root = new TestRoot()
  const core = root.core()
  root.completion(core)
  const front = new Front(core)
  const next = root.core()
  front.write(connect, 'Q 1 1 0 e1 {"event":"completion:async","data":{"prompt":"x"}}')
  await front.until(() => front.frames.length === 1)
  const [refused] = front.frames
  assert.ok(refused?.kind === 'R')
  assert.equal((JSON.parse(refused.json) as { data: Data }).data.code, 'KSI_FENCED')
  assert.equal(count(next), 0)
  giveLeaseTo(next.journal, 1)
  const [reply] = await front.ask([2, 'monitor:subscribe', {}])
  assert.equal(dataOf(reply).status, 'subscribed', 'a subscription needs the connection of the failed batch')
  await new Promise(setImmediate)
})

test('a subscriber hears of what its own batch did, after the reply; one gone at once is forgotten', async () => {
  using root = new TestRoot()
  const core = root.core()
  root.completion(core)
  const front = new Front(core)
  front.write(connect, 'C 2 {"transport":"tcp","connected_at":5}', 'Q 2 9 0 e9 {"event":"monitor:subscribe"}', 'X 2')
  await front.ask(
    [1, 'monitor:subscribe', { event_patterns: ['completion:*'] }],
    [2, 'completion:async', { prompt: 'x' }],
  )
  await front.until(() => front.frames.some((frame) => frame?.kind === 'P'))
  await new Promise(setImmediate)
  const pushed = front.frames.filter((frame) => frame?.kind === 'P')
  assert.deepEqual(
    pushed.map(({ connection, seq }) => [connection, seq]),
    [[1, 1]],
  )
  const kinds = front.frames.filter((frame) => frame?.connection === 1).map((frame) => frame?.kind)
  assert.deepEqual(kinds, ['U', 'R', 'R', 'P'])
})

test('after stop nothing more is read or sent, and what was queued still goes out', async () => {
  using root = new TestRoot()
  const core = root.core()
  root.completion(core)
  const front = new Front(core)
  front.transport.send({ kind: 'U', connection: 1, seq: 5 })
  front.transport.stop()
  front.transport.send({ kind: 'U', connection: 1, seq: 6 })
  front.write('Q 1 1 0 e1 {"event":"completion:async","data":{"prompt":"x"}}')
  await front.until(() => front.frames.length === 1)
  await new Promise(setImmediate)
  assert.deepEqual(front.frames, [{ kind: 'U', connection: 1, seq: 5 }])
  assert.equal(count(core), 0)
})

test('runs nothing for a client that takes no replies, and one line of each client in turn', async () => {
  using root = new TestRoot()
  const core = root.core()
  const ran: string[] = []
  addEvent(core, 'notes:big', ({ n }) => (ran.push(String(n)), 'x'.repeat(300_000)))
  const front = new Front(core)
  const line = (connection: number, id: number, n: string): string =>
    `Q ${connection} ${id} 0 e${n} {"event":"notes:big","data":{"n":"${n}"}}`
  front.write(
    connect,
    'C 2 {"transport":"tcp","connected_at":5}',
    'Z 1',
    ...[1, 2, 3].map((i) => line(1, i, `a${i}`)),
    ...[4, 5].map((i) => line(2, i, `b${i}`)),
  )
  await front.until(() => front.frames.length === 2)
  assert.deepEqual(ran, ['b4', 'b5'])
  front.write('W 1')
  await front.until(() => front.frames.length === 5)
  assert.deepEqual(ran.slice(2), ['a1', 'a2', 'a3'])
})

test('700 replies of a megabyte asked for in one go are made only as they are taken', async () => {
  using root = new TestRoot()
  const core = root.core()
  let made = 0
  addEvent(core, 'notes:big', () => (made++, 'x'.repeat(1_000_000)))
  const [front, generation] = duplexPair()
  serveRelay(generation, core, new Monitor(core))
  const lines = Array.from({ length: 700 }, (_, i) => `Q 1 ${i} 0 e${i} {"event":"notes:big"}\n`)
  front.write(`${connect}\n${lines.join('')}`)
  for (let i = 0; i < 20; i++) await new Promise(setImmediate)
  assert.ok(made < 10, `${made} replies were made and nobody took one`)
  const taken = { replies: 0 }
  front.on('data', (chunk: Buffer) => (taken.replies += chunk.toString('latin1').split('\n').length - 1))
  while (taken.replies < 700) await new Promise(setImmediate)
  assert.equal(made, 700)
})

test('a result that cannot be written is an error reply, a correlation id comes back as it was written', async () => {
  using root = new TestRoot()
  const core = root.core()
  let deep: unknown = 1
  for (let i = 0; i < 20_000; i++) deep = { 0: deep }
  addEvent(core, 'notes:deep', () => deep)
  const front = new Front(core)
  front.write(connect, 'Q 1 1 0 e1 {"event":"notes:deep","correlation_id": 12345678901234567890 }')
  await front.until(() => front.frames.length === 1)
  const [frame] = front.frames
  assert.ok(frame?.kind === 'R')
  const { json } = frame
  assert.match(json, /"correlation_id":12345678901234567890,/)
  assert.equal(dataOf(JSON.parse(json)).status, 'error')
})

test('an acknowledgement waits until its request is on disk, so does what follows it, but nobody else', async () => {
  using root = new TestRoot()
  const ends: ((error: Error | null) => void)[] = []
  const core = root.core(
    { KSI_DURABILITY: 'disk' },
    { durability: 'disk', sync: (_fd, done) => void ends.push(done), onTrouble: () => {} },
  )
  root.completion(core)
  addEvent(core, 'notes:read', () => ({ read: true }))
  const front = new Front(core)
  const replies = (): RelayedReply[] => front.frames.filter((frame) => frame?.kind === 'R')
  const answered = (): string[] => replies().map(({ connection, relay }) => `${connection} ${relay}`)
  const line = (connection: number, id: number, event: string): string =>
    `Q ${connection} ${id} 0 e${id} ${JSON.stringify({ event, data: { prompt: 'x' } })}`
  front.write(connect, 'C 2 {"transport":"unix","connected_at":5}')
  front.write(line(1, 1, 'completion:async'))
  while (ends.length === 0) await new Promise(setImmediate)
  front.write(line(1, 2, 'notes:read'))
  await new Promise(setImmediate)
  front.write(line(2, 3, 'notes:read'))
  await front.until(() => answered().length > 0)
  assert.deepEqual(answered(), ['2 3'])
  ends.shift()?.(null)
  await front.until(() => answered().length === 3)
  assert.deepEqual(answered(), ['2 3', '1 1', '1 2'])
  front.write(line(1, 4, 'completion:async'))
  while (ends.length === 0) await new Promise(setImmediate)
  ends.shift()?.(Object.assign(new Error('I/O error'), { code: 'EIO' }))
  await front.until(() => answered().length === 4)
  assert.equal(dataOf(JSON.parse(replies().at(-1)?.json ?? '') as Data).status, 'error')
})
