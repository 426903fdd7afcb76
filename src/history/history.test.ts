import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { HistoryEvent } from './event.ts'
import { EventHistory } from './event-history.ts'
import { checkReplies } from './replies.ts'
import { judge } from './report.ts'
import { checkRuns } from './runs.ts'
import { SubscriptionHistory } from './subscription-history.ts'

type Told = [event: string, id: string, data?: Record<string, unknown>]

/** Events of one conversation, as the journal would number them. */
function play(events: readonly Told[]): EventHistory {
  const history = new EventHistory()
  for (const [i, [event, request_id, data]] of events.entries())
    history.take({ event, seq: i + 1, data: { request_id, conversation: 'c', priority: 'ASYNC', ...data } })
  return history
}

const queued = (id: string, data?: Record<string, unknown>): Told => ['completion:queued', id, data]
const start = (id: string): Told => ['completion:progress', id, { status: 'calling_provider' }]
const result = (id: string): Told => ['completion:result', id]
const abc = ['a', 'b', 'c'].map((id) => queued(id))

test('a history as it should be shows no fault, with retries, work queued again, INJECT and cancels', () => {
  const history = play([
    queued('a'),
    start('a'),
    queued('b'),
    queued('c'),
    queued('urgent', { priority: 'INJECT' }),
    queued('a', { again: true }),
    start('a'),
    ['completion:cancelled', 'b'],
    result('a'),
    start('urgent'),
    ['completion:progress', 'urgent', { status: 'retrying' }],
    start('urgent'),
    ['completion:failed', 'urgent', { reason: 'provider_error' }],
    start('c'),
    result('c'),
  ])
  assert.deepEqual(history.faults, [])
  assert.deepEqual([history.accepted, history.starts], [4, 5])
  assert.deepEqual(history.unfinished(['a', 'b', 'c', 'urgent']), [])
  assert.deepEqual(history.failures(), { provider_error: 1 })
  assert.deepEqual(history.finalSeqs, [8, 9, 13, 15])
})

const faulty: [what: string, events: Told[], fault: RegExp][] = [
  ['two of a conversation running at once', [...abc, start('a'), start('b')], /^b .*started while a was running/],
  ['one started before the one ahead of it', [...abc, start('b')], /^b .*started before a/],
  [
    'one started before a later INJECT',
    [queued('x'), queued('i', { priority: 'INJECT' }), start('x')],
    /^x .*before i/,
  ],
  [
    'one started before what was queued again',
    [...abc, start('a'), ['completion:progress', 'a', { status: 'retrying' }], start('b')],
    /^b .*started before a/,
  ],
  ['one started without having been accepted', [start('a')], /^a .*was not queued/],
  ['a second start after the outcome', [queued('a'), start('a'), result('a'), start('a')], /^a .*was not queued/],
  ['one accepted twice', [queued('a'), queued('a')], /^a .*accepted twice/],
  ['a second outcome', [...abc, ['completion:cancelled', 'a'], ['completion:cancelled', 'a']], /second outcome/],
  ['another outcome after the first', [queued('a'), start('a'), result('a'), ['completion:failed', 'a']], /second/],
  [
    'a loss told twice',
    [
      queued('a'),
      start('a'),
      ['completion:failed', 'a', { reason: 'daemon_restart' }],
      ['completion:failed', 'a', { reason: 'daemon_restart' }],
    ],
    /^a .*told of as lost a second time/,
  ],
  ['one completed that was not running', [...abc, result('a')], /^a .*completed but was not running/],
  ['an end from nowhere', [['completion:failed', 'a']], /^a .*neither queued nor running/],
  [
    'an end in another conversation than its own',
    [queued('a'), ['completion:failed', 'a', { conversation: 'other' }]],
    /^a .*neither queued nor running/,
  ],
  ['one queued again that was not running', [queued('a'), queued('a', { again: true })], /^a .*was not running/],
]
for (const [what, events, fault] of faulty)
  test(`${what} is found`, () => assert.match(play(events).faults[0] ?? 'no fault', fault))

test('an acknowledged request that was dropped is found', () => {
  assert.deepEqual(play([queued('a'), start('a'), result('a')]).unfinished(['a', 'dropped']), ['dropped'])
})

test('events that come in another order than their numbers are found', () => {
  const history = new EventHistory()
  for (const seq of [1, 3, 2]) history.take({ event: 'system:ready', seq, data: {} })
  assert.match(history.faults[0] ?? '', /event 2 came after 3/)
})

test('a broken run shows the first faults, not ten thousand', () => {
  assert.equal(play(Array.from({ length: 1_000 }, (_, i) => start(`r${i}`))).faults.length, 50)
})

test('an event a subscription missed or was told twice is counted, also behind a gap it was told of', () => {
  const told = (seqs: number[]): SubscriptionHistory => {
    const subscription = new SubscriptionHistory(10, true)
    for (const seq of seqs) subscription.take({ event: 'e', seq, data: {} })
    return subscription
  }
  const counts = ({ missed, doubled, last }: SubscriptionHistory): number[] => [missed, doubled, last]
  assert.deepEqual(counts(told([11, 12, 13])), [0, 0, 13])
  assert.deepEqual(counts(told([11, 12, 15, 15, 14])), [2, 2, 15])
  const gap = told([])
  gap.take({ event: 'monitor:gap', seq: 11, data: {} })
  assert.equal(gap.missed, 1)
  assert.equal(gap.take({ event: 'system:stopping', seq: Number.NaN, data: {} }), false, 'the front’s own word')
})

test('a filtered subscription that was told other outcomes than were is found', () => {
  const told = (seqs: number[]): SubscriptionHistory => {
    const subscription = new SubscriptionHistory(0, false)
    for (const seq of seqs) subscription.take({ event: 'completion:result', seq, data: {} } satisfies HistoryEvent)
    return subscription
  }
  assert.equal(told([3, 7]).toldOutcomes([3, 7]), true)
  for (const seqs of [[3], [3, 7, 9], [3, 8]]) assert.equal(told(seqs).toldOutcomes([3, 7]), false)
})

test('a second call, and two calls of one conversation beside each other, are found in what the runner wrote', () => {
  const run = (request_id: string, from: number, to: number) => ({
    request_id,
    run_id: `${request_id}${from}`,
    duration_ms: to - from,
    time: to,
  })
  const check = (runs: ReturnType<typeof run>[], tries = 1): readonly string[] =>
    checkRuns(
      runs,
      () => 'conversation',
      () => tries,
    )
  assert.deepEqual(check([run('a', 0, 50), run('b', 50, 60), run('c', 80, 90)]), [])
  assert.deepEqual(check([run('b', 40, 60), run('b', 70, 80)], 2), [])
  assert.deepEqual(check([run('a', 0, 50), run('b', 40, 60), run('b', 70, 80), run('c', 80, 90)]), [
    'b was run 2 times',
    'in conversation, b ran beside a',
  ])
})

test('replies that tell another story than the events are found', () => {
  const asked = { acknowledged: true, cancelAsked: false, cancelled: false, waited: undefined }
  const outcomes = new Map([['a', { state: 'completed', reason: undefined } as const]])
  const check = (
    request: Partial<Parameters<typeof checkReplies>[0] extends ReadonlyMap<string, infer R> ? R : never>,
  ) => checkReplies(new Map([['a', { ...asked, ...request }]]), outcomes)
  assert.deepEqual(check({}), [])
  assert.deepEqual(check({ cancelAsked: true, waited: 'completed' }), [])
  assert.match(check({ cancelAsked: true, cancelled: true })[0] ?? '', /though its cancel was confirmed/)
  assert.match(check({ waited: 'failed' })[0] ?? '', /completion:wait said failed/)
  const byNobody = checkReplies(new Map([['a', asked]]), new Map([['a', { state: 'cancelled', reason: undefined }]]))
  assert.match(byNobody[0] ?? '', /cancelled by nobody/)
})

test('a report is judged by what is allowed: nothing, unless a test itself did it', () => {
  const clean = { requests: 9, lost: 0, doubled: 0, missed: 0, failures: {}, faults: [] }
  assert.deepEqual(judge(clean), [])
  const report = { ...clean, failures: { poison: 2, daemon_restart: 3 } }
  assert.deepEqual(judge(report, { quarantined: 2, restarted: 3 }), [])
  assert.equal(judge(report).length, 2)
  assert.equal(judge(report, { quarantined: 1, restarted: 3 }).length, 1)
  for (const one of [{ lost: 1 }, { doubled: 1 }, { missed: 1 }, { faults: ['a fault'] }, { failures: { timeout: 1 } }])
    assert.equal(judge({ ...clean, ...one }, { quarantined: 9, restarted: 9 }).length, 1)
})
