import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { TestRoot, accept, begin, completed, rowOf } from '../testing/test-core.ts'
import type { RunnerLink } from './runner-link.ts'
import type { CompletionService } from './service.ts'

/** Lets so many ms pass, in steps: a deadline is kept in slices. */
function pass(t: TestContext, ms: number): void {
  for (let left = ms; left > 0; left -= 250) t.mock.timers.tick(Math.min(left, 250))
}

/** A generation with a runner that does not answer, and what it is told. */
function silentRunner(service: CompletionService): { link: RunnerLink; told: string[] } {
  const told: string[] = []
  const note =
    (what: string) =>
    (runId: string): unknown =>
      told.push(`${what} ${runId}`)
  const link = { id: '1', abort: note('abort'), committed: note('committed') } as unknown as RunnerLink
  service.links.get = () => link
  return { link, told }
}

test('a run that does not end in its time is given up from outside: its request is tried again, then told', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'setImmediate'] })
  using root = new TestRoot()
  const core = root.core()
  accept(core, { request_id: 'a', session_id: 's', timeout_ms: 2_000 })
  accept(core, { request_id: 'b', session_id: 's' })
  for (const attempt of [1, 2, 3]) {
    begin(core, 'a')
    const service = root.completion(core)
    const { link, told } = silentRunner(service)
    service.restore(false)
    service.open()
    pass(t, 6_500)
    assert.equal(rowOf(core, 'a').state, 'processing', 'the runner itself comes first')
    pass(t, 750)
    assert.deepEqual([rowOf(core, 'a').state, rowOf(core, 'a').attempts], [attempt < 3 ? 'queued' : 'failed', attempt])
    assert.deepEqual(told, ['committed run-a'], 'the runner may forget it')
    service.outcomes(link, [{ run_id: 'run-a', request_id: 'a', outcome: completed('late') }])
    assert.notEqual(rowOf(core, 'a').state, 'completed', 'what comes late is dropped')
    service.close()
  }
  assert.equal(core.requests.outcome('a')?.reason, 'timeout')
  assert.deepEqual(core.conversations.runnable(1), ['s'])
})

test('the runner says what is left of a run it goes on with, whatever the clock says', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'setImmediate'] })
  using root = new TestRoot()
  const core = root.core()
  begin(core, accept(core, { request_id: 'a', timeout_ms: 60_000 }))
  const service = root.completion(core)
  const { link } = silentRunner(service)
  service.welcomed(link, [{ run_id: 'run-a', request_id: 'a', started_at: 1, left_ms: 1_000 }])
  service.restore(false)
  pass(t, 5_750)
  assert.equal(rowOf(core, 'a').state, 'processing')
  pass(t, 500)
  assert.equal(rowOf(core, 'a').state, 'queued')
})

test('a cancelled run that does not answer frees its conversation after a grace, also over a hand-over', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'setImmediate'] })
  using root = new TestRoot()
  const core = root.core()
  for (const id of ['a', 'behind']) accept(core, { request_id: id, session_id: 's' })
  begin(core, 'a')
  const first = root.completion(core)
  const { told } = silentRunner(first)
  first.restore(false)
  core.journal.tx(() => first.cancel('a'))
  assert.deepEqual([told, core.conversations.runnable(1)], [['abort run-a'], []])
  pass(t, 4_000)
  first.close()
  const next = root.completion(core)
  const { link } = silentRunner(next)
  next.welcomed(link, [{ run_id: 'run-a', request_id: 'a', started_at: 1, left_ms: 500_000 }])
  next.restore(false)
  pass(t, 4_750)
  assert.deepEqual(core.conversations.runnable(1), [])
  pass(t, 500)
  assert.deepEqual(core.conversations.runnable(1), ['s'])
  next.outcomes(link, [{ run_id: 'run-a', request_id: 'a', outcome: completed('late') }])
  assert.equal(rowOf(core, 'a').state, 'cancelled')
})

test('what goes down with five runners is not given to a sixth', () => {
  using root = new TestRoot()
  const core = root.core()
  accept(core, { request_id: 'a', on_restart: 'requeue' })
  const service = root.completion(core)
  for (let runner = 1; runner <= 5; runner++) {
    assert.equal(rowOf(core, 'a').state, 'queued')
    begin(core, 'a')
    core.journal.tx(() => service.restore(false))
  }
  assert.equal(core.requests.outcome('a')?.reason, 'poison')
})
