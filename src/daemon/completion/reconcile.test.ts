import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import type { HeldRun, RunOutcome } from '../../contracts/runner.ts'
import type { Core } from '../core.ts'
import { TestRoot, accept, begin, completed, contentOf, failed, rowOf } from '../testing/test-core.ts'
import { emptyReport, quarantine, reconcile } from './reconcile.ts'
import type { RunnerKnowledge, RunnerWorld } from './reconcile.ts'

/** What a runner and the spool know of a request's run. */
type Fate = 'held' | 'held, done' | 'held, failed' | 'left' | 'never heard' | 'gone' | 'unreachable'
const fates: Fate[] = ['held', 'held, done', 'held, failed', 'left', 'never heard', 'gone', 'unreachable']

/** A runner for each request, named as it. */
function worldOf(requests: Map<string, Fate>): RunnerWorld {
  const outcomes: Partial<Record<Fate, RunOutcome>> = {
    'held, done': completed('s'),
    'held, failed': failed({ retryable: true }),
    left: completed(),
  }
  const fateOf = (id: string | null): Fate => requests.get(id ?? '') ?? 'gone'
  const knowledge = (runnerId: string | null): RunnerKnowledge => {
    const fate = fateOf(runnerId)
    if (fate === 'gone' || fate === 'left') return 'gone'
    if (fate === 'unreachable') return 'unreachable'
    const run: HeldRun = {
      run_id: `run-${runnerId}`,
      request_id: runnerId ?? '',
      started_at: 1,
      outcome: outcomes[fate],
    }
    return new Map(fate === 'never heard' ? [] : [[run.run_id, run]])
  }
  return {
    knowledge,
    left: (_runnerId, runId) => (fateOf(runId.slice(4)) === 'left' ? completed() : undefined),
    said: () => undefined,
  }
}

interface Plan {
  fate: Fate
  requeue: boolean
  cancelled: boolean
}

/** One conversation for each plan: a request that runs (or was cancelled while it ran) and one behind it. */
function setUp(core: Core, plans: Plan[]): RunnerWorld {
  const requests = new Map<string, Fate>()
  for (const [i, { fate, requeue, cancelled }] of plans.entries()) {
    const id = accept(core, { request_id: `r${i}`, session_id: `c${i}`, on_restart: requeue ? 'requeue' : 'fail' })
    accept(core, { request_id: `next${i}`, session_id: `c${i}` })
    begin(core, id, id)
    requests.set(id, fate)
    if (!cancelled) continue
    core.journal.tx(() => {
      const tick = core.journal.emitAny('completion:cancelled', { request_id: id }, id)
      core.requests.finish(id, { state: 'cancelled', now: 1, tick, outcome: {} })
    })
  }
  return worldOf(requests)
}

const plan: fc.Arbitrary<Plan> = fc.record({
  fate: fc.constantFrom(...fates),
  requeue: fc.boolean(),
  cancelled: fc.boolean(),
})
const restore = (core: Core, world: RunnerWorld): void => core.journal.tx(() => reconcile(core, world, emptyReport()))

test('a running request is adopted, taken in, queued again, told as lost or left, by what is known of its run', () => {
  using root = new TestRoot()
  const core = root.core()
  const world = setUp(
    core,
    fates.map((fate) => ({ fate, requeue: false, cancelled: false })),
  )
  const report = emptyReport()
  core.journal.tx(() => reconcile(core, world, report))
  const states = Object.fromEntries(fates.map((fate, i) => [fate, rowOf(core, `r${i}`).state]))
  const expected = {
    held: 'processing',
    'held, done': 'completed',
    'held, failed': 'queued',
    left: 'completed',
    'never heard': 'queued',
    gone: 'failed',
    unreachable: 'processing',
  }
  assert.deepEqual(states, expected)
  assert.deepEqual(report, { queued: 0, adopted: 1, requeued: 1, lost: 1, poisoned: 0, recovered_outcomes: 3 })
  assert.deepEqual(
    [rowOf(core, 'r4').attempts, core.requests.head('c4')?.request_id],
    [0, 'r4'],
    'a try that never took place is not counted',
  )
})

test('a cancelled request keeps its conversation only as long as its run goes on', () => {
  using root = new TestRoot()
  const core = root.core()
  const world = setUp(
    core,
    fates.map((fate) => ({ fate, requeue: true, cancelled: true })),
  )
  restore(core, world)
  const busy = fates.filter((_, i) => core.conversations.get(`c${i}`)?.running !== null)
  assert.deepEqual(busy, ['held', 'unreachable'])
  for (const i of fates.keys()) assert.equal(rowOf(core, `r${i}`).state, 'cancelled', 'an outcome is final')
})

test('a restore that is cut and run again, or run twice, gives the same as one that ran once', () => {
  const compare = (plans: Plan[]): void => {
    using rootOnce = new TestRoot()
    using rootMore = new TestRoot()
    const [once, more] = [rootOnce.core(), rootMore.core()]
    restore(once, setUp(once, plans))
    const world = setUp(more, plans)
    const before = contentOf(more)
    const cut = (): never =>
      more.journal.tx(() => {
        reconcile(more, world, emptyReport())
        throw new Error('cut')
      })
    assert.throws(cut, /cut/)
    assert.deepEqual(contentOf(more), before, 'a cut leaves nothing behind')
    restore(more, world)
    assert.deepEqual(contentOf(more), contentOf(once))
    restore(more, world)
    assert.deepEqual(contentOf(more), contentOf(once))
  }
  fc.assert(fc.property(fc.array(plan, { minLength: 1, maxLength: 8 }), compare), { numRuns: 25 })
})

test('only the requests of one runner are looked at when only that one is asked for', () => {
  using root = new TestRoot()
  const core = root.core()
  const world = setUp(core, [
    { fate: 'gone', requeue: false, cancelled: false },
    { fate: 'gone', requeue: false, cancelled: false },
    { fate: 'gone', requeue: false, cancelled: true },
  ])
  core.journal.tx(() => reconcile(core, world, emptyReport(), 'r0'))
  assert.deepEqual(
    [rowOf(core, 'r0').state, rowOf(core, 'r1').state, core.conversations.get('c2')?.running],
    ['failed', 'processing', 'r2'],
  )
})

test('what a dying daemon had in hand twice is quarantined, and its conversation moves on', () => {
  using root = new TestRoot()
  let core = root.core()
  for (const id of ['a', 'b']) accept(core, { request_id: id, session_id: 's' })
  accept(core, { request_id: 'runs', session_id: 't' })
  begin(core, 'runs')
  /** The generation dies with `id` in hand; @returns how many the next one sets aside */
  const crash = (id: string, crashed: boolean): number => {
    core.journal.hand.take(id)
    core = root.core()
    const report = emptyReport()
    core.journal.tx(() => quarantine(core, crashed, report))
    return report.poisoned
  }
  assert.equal(crash('a', true), 0)
  assert.equal(crash('a', false), 0, 'a clean end counts against nobody')
  assert.deepEqual([rowOf(core, 'a').state, rowOf(core, 'a').crash_count], ['queued', 1])
  assert.equal(rowOf(core, 'b').crash_count, 0, 'who stood beside it is not blamed')
  assert.equal(crash('a', true), 1)
  assert.deepEqual([crash('runs', true), crash('runs', true)], [0, 1])
  assert.deepEqual(
    [rowOf(core, 'a').state, core.requests.outcome('a')?.reason, core.requests.head('s')?.request_id],
    ['failed', 'poison', 'b'],
  )
  assert.deepEqual(
    [rowOf(core, 'runs').state, core.conversations.get('t')?.running, core.conversations.get('s')?.queued],
    ['failed', null, 1],
  )
})

test('a note of what was in hand counts once, and not at all when it was put down or is of an older death', () => {
  using root = new TestRoot()
  let core = root.core()
  accept(core, { request_id: 'a', session_id: 's' })
  const next = (): string | undefined => {
    core = root.core()
    return core.journal.hand.left()
  }
  core.journal.hand.take('a'.repeat(2_000))
  core.journal.hand.take('grüße 😀')
  assert.equal(next(), 'grüße 😀')
  assert.equal(next(), undefined, 'that was the generation before the last')
  core.journal.hand.take('a')
  core.journal.hand.clear()
  assert.equal(next(), undefined)
  core.journal.hand.take('a')
  core = root.core()
  core.journal.hand.forgive()
  assert.equal(core.journal.hand.left(), undefined, 'it ended in a debugger')
})
