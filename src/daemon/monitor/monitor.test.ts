import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import type { WirePush } from '../../contracts/wire.ts'
import type { Core } from '../core.ts'
import { Monitor } from './monitor.ts'
import { internalContext } from '../wire/router.ts'
import { TestRoot } from '../testing/test-core.ts'

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** A monitor with what it pushed to each connection. */
class Watched {
  readonly pushed = new Map<number, WirePush[]>()
  /** The last cursor told of each connection. */
  readonly cursors = new Map<number, number>()
  readonly monitor: Monitor
  readonly core: Core
  /** What the relay says to each push: that it can take more. */
  room = true

  constructor(core: Core) {
    this.core = core
    this.monitor = new Monitor(core)
    this.monitor.connect((frame) => {
      const { connection } = frame
      if (frame.kind === 'U') this.cursors.set(connection, frame.seq)
      else if (frame.kind === 'P') this.of(connection).push(JSON.parse(frame.json) as WirePush)
      return this.room
    })
  }

  of(connection: number): WirePush[] {
    const pushed = this.pushed.get(connection) ?? []
    this.pushed.set(connection, pushed)
    return pushed
  }

  seqs(connection: number): number[] {
    return this.of(connection).map(({ seq }) => seq)
  }

  emit(count: number): void {
    const last = this.core.events.lastSeq()
    this.core.journal.tx(() => {
      for (let next = last + 1; next <= last + count; next++) {
        this.core.journal.emitAny(next % 3 === 0 ? 'count:third' : 'count:other', { next })
      }
    })
  }

  send(event: string, id: number, data: Record<string, unknown> = {}): Record<string, unknown> {
    const context = { ...internalContext, connection: { id, transport: 'unix' as const, connected_at: 0 } }
    return (
      (this.core.router.emit(event, { event_patterns: ['*'], ...data }, context) as Record<string, unknown>[])[0] ?? {}
    )
  }
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i)

test('a subscription begins after the newest event, or since, and its first push comes after the reply', async () => {
  using root = new TestRoot()
  const watched = new Watched(root.core())
  watched.emit(5)
  assert.deepEqual(watched.send('monitor:subscribe', 1, { client_id: 'me' }), {
    status: 'subscribed',
    client_id: 'me',
    patterns: ['*'],
    since: 5,
    last_seq: 5,
  })
  watched.send('monitor:subscribe', 2, { since: 2 })
  watched.send('monitor:subscribe', 3, { since: 99 })
  assert.deepEqual([watched.seqs(1), watched.seqs(2)], [[], []])
  watched.emit(1)
  await turn()
  assert.deepEqual([watched.seqs(1), watched.seqs(2), watched.seqs(3)], [[6], [3, 4, 5, 6], [6]])
  assert.deepEqual(
    Object.keys(watched.of(1)[0] ?? {}),
    ['event', 'event_name', 'seq', 'timestamp', 'data'],
    'never a correlation_id',
  )
})

test('a paused reader gets nothing, and everything once it goes on', async () => {
  using root = new TestRoot()
  const watched = new Watched(root.core())
  watched.send('monitor:subscribe', 1, { event_patterns: ['count:third'] })
  await turn()
  watched.monitor.paused(1, true)
  watched.emit(9)
  assert.deepEqual(watched.seqs(1), [])
  watched.monitor.paused(1, false)
  assert.deepEqual(watched.seqs(1), [3, 6, 9])
})

test('when the relay has enough everybody waits where he is, and goes on from there once it has drained', async () => {
  using root = new TestRoot()
  const watched = new Watched(root.core())
  for (const id of [1, 2]) watched.send('monitor:subscribe', id)
  await turn()
  watched.room = false
  watched.emit(3)
  assert.deepEqual([watched.seqs(1), watched.seqs(2)], [[1], []])
  watched.room = true
  watched.monitor.drained()
  assert.deepEqual([watched.seqs(1), watched.seqs(2)], [range(1, 3), range(1, 3)])
})

test('events that are kept no longer are told as a gap: at the start, or when a reader falls behind', async () => {
  using root = new TestRoot()
  const core = root.core()
  const trimTo = (keep: number): number => core.journal.tx(() => core.events.trim(keep, 10_000))
  new Watched(core).emit(20)
  trimTo(5)
  // A new generation: nothing of this is in memory.
  const watched = new Watched(core)
  watched.monitor.restore(1, 3, { events: { event_patterns: ['count:third'] }, streams: [] })
  assert.deepEqual(
    watched.of(1).map(({ event, seq, data }) => [event, seq, data.from ?? null, data.to ?? null]),
    [
      ['monitor:gap', 15, 4, 15],
      ['count:third', 18, null, null],
    ],
  )
  watched.monitor.restore(2, 20, { events: {}, streams: [] })
  watched.monitor.paused(2, true)
  watched.emit(4_500)
  trimTo(10)
  watched.monitor.paused(2, false)
  await turn()
  const [gap, ...rest] = watched.of(2)
  assert.deepEqual(
    [gap?.event, gap?.data.from, rest[0]?.seq, rest.length],
    ['monitor:gap', 21, Number(gap?.data.to) + 1, 4_520 - Number(gap?.data.to)],
  )
})

test('who unsubscribes or is gone gets nothing more, also when the subscription had not begun', async () => {
  using root = new TestRoot()
  const watched = new Watched(root.core())
  for (const id of [1, 2, 3]) watched.send('monitor:subscribe', id)
  watched.monitor.closed(3)
  await turn()
  watched.emit(1)
  assert.deepEqual(watched.send('monitor:unsubscribe', 1), { status: 'unsubscribed' })
  assert.deepEqual(watched.send('monitor:unsubscribe', 1), { status: 'not_subscribed' })
  watched.monitor.closed(2)
  watched.emit(1)
  assert.deepEqual([watched.seqs(1), watched.seqs(2), watched.seqs(3)], [[1], [1], []])
  assert.equal(watched.cursors.get(1), -1)
})

test('a reader that stands just before, at or after the oldest event in memory gets each once', () => {
  using root = new TestRoot()
  const core = root.core()
  new Watched(core).emit(10)
  const watched = new Watched(core)
  watched.emit(3)
  for (const since of [8, 9, 10, 11, 12, 13]) {
    watched.monitor.restore(since, since, { events: {}, streams: [] })
    assert.deepEqual(watched.seqs(since), range(since + 1, 13))
  }
})

test('the next generation goes on where the last one said it had come', async () => {
  using root = new TestRoot()
  const first = new Watched(root.core())
  first.send('monitor:subscribe', 1, { event_patterns: ['count:third'] })
  await turn()
  first.emit(7)
  first.monitor.reportCursors()
  assert.equal(first.cursors.get(1), 7, 'also past what did not match')
  const second = new Watched(root.core())
  second.emit(3)
  second.monitor.restore(1, first.cursors.get(1) ?? 0, { events: { event_patterns: ['count:third'] }, streams: [] })
  second.emit(3)
  assert.deepEqual([...first.seqs(1), ...second.seqs(1)], [3, 6, 9, 12])
})

type Step =
  | { do: 'emit'; count: number }
  | { do: 'pause' | 'resume'; connection: number }
  | { do: 'trim'; keep: number }
  | { do: 'turn' }

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('emit' as const), count: fc.oneof(fc.nat(5), fc.nat(900)) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom('pause' as const, 'resume' as const),
      connection: fc.integer({ min: 1, max: 3 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('trim' as const), keep: fc.nat(3_000) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('turn' as const) }) },
)

async function take(watched: Watched, step: Step): Promise<void> {
  if (step.do === 'emit') watched.emit(step.count)
  else if (step.do === 'turn') await turn()
  else if (step.do === 'trim') watched.core.journal.tx(() => watched.core.events.trim(step.keep, 10_000))
  else watched.monitor.paused(step.connection, step.do === 'pause')
}

test('however readers pause, between memory and database nothing is missed, doubled or out of order', async () => {
  const check = async (steps: Step[], start: number): Promise<void> => {
    using root = new TestRoot()
    const core = root.core()
    new Watched(core).emit(1_300)
    const watched = new Watched(core)
    for (const id of [1, 2]) watched.monitor.restore(id, start * id, { events: { event_patterns: ['*'] }, streams: [] })
    watched.monitor.restore(3, start, { events: { event_patterns: ['count:third'] }, streams: [] })
    for (const next of steps) await take(watched, next)
    for (const id of [1, 2, 3]) watched.monitor.paused(id, false)
    const last = core.events.lastSeq()
    for (let i = 0; i < last / 500 + 2; i++) await turn()
    for (const [id, since] of [
      [1, start],
      [2, start * 2],
      [3, start],
    ] as const) {
      const gaps = watched.of(id).filter(({ event }) => event === 'monitor:gap')
      const missing = new Set(gaps.flatMap(({ data }) => range(Number(data.from), Number(data.to))))
      const expected = range(since + 1, last).filter((seq) => !missing.has(seq) && (id !== 3 || seq % 3 === 0))
      const got = watched.of(id).filter(({ event }) => event !== 'monitor:gap')
      assert.deepEqual(
        got.map(({ seq }) => seq),
        expected,
      )
      if (!steps.some((one) => one.do === 'trim')) assert.equal(gaps.length, 0)
    }
  }
  await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 30, size: 'max' }), fc.nat(650), check), { numRuns: 12 })
})
