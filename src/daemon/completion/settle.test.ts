import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Core } from '../core.ts'
import { TestRoot, accept, begin, completed, failed, rowOf } from '../testing/test-core.ts'
import type { RunOutcome } from '../../contracts/runner.ts'
import { settle } from './settle.ts'
import { describeRequest } from './status.ts'

const end = (core: Core, id: string, outcome: RunOutcome): void =>
  core.journal.tx(() => settle(core, rowOf(core, id), outcome))
const told = (core: Core, id: string): unknown[] =>
  core.events
    .after(0, 100)
    .filter(({ data }) => data.request_id === id)
    .map(({ name, data }) => [name, data.reason ?? data.status ?? null])

test('a completed request has its result, its conversation goes on, from the session the provider handed out', () => {
  using root = new TestRoot()
  const core = root.core()
  accept(core, { request_id: 'a', session_id: 's1' })
  accept(core, { request_id: 'b', session_id: 's1' })
  begin(core, 'a')
  end(core, 'a', completed('s2'))
  const row = rowOf(core, 'a')
  assert.deepEqual([row.state, row.session_id], ['completed', 's2'])
  assert.deepEqual(core.requests.outcome('a')?.result?.response, { result: 'done', session_id: 's2' })
  const conversation = core.conversations.get('s1')
  assert.deepEqual([conversation?.session_id, conversation?.running, conversation?.queued], ['s2', null, 1])
  assert.deepEqual([core.conversations.ofSession('s1'), core.conversations.ofSession('s2')], ['s1', 's1'])
  assert.deepEqual(told(core, 'a'), [
    ['completion:queued', null],
    ['completion:progress', null],
    ['completion:result', null],
  ])
})

test('an error worth another try puts the request back at the head, until its tries are used up', () => {
  using root = new TestRoot()
  const core = root.core()
  accept(core, { request_id: 'a', session_id: 's' })
  for (const attempt of [1, 2]) {
    begin(core, 'a')
    const before = core.journal.clock.now()
    end(core, 'a', failed({ retryable: true, retry_after_ms: 5_000 }))
    accept(core, { request_id: `later ${attempt}`, session_id: 's' }, 'INJECT')
    const row = rowOf(core, 'a')
    assert.deepEqual([row.state, row.attempts, core.requests.head('s')?.request_id], ['queued', attempt, 'a'])
    assert.ok((row.not_before ?? 0) >= before + 5_000, 'never before Retry-After')
    assert.equal(core.conversations.runnable(1)[0], undefined, 'the conversation waits')
  }
  begin(core, 'a')
  end(core, 'a', failed({ retryable: true }))
  assert.deepEqual([rowOf(core, 'a').state, rowOf(core, 'a').attempts], ['failed', 3])
  assert.deepEqual(told(core, 'a').slice(-2), [
    ['completion:failed', 'provider_error'],
    ['completion:error', 'provider_error'],
  ])
  assert.equal(core.conversations.runnable(1)[0], 's', 'its conversation moves on')
})

test('a limit of use is waited for as long as it lasts, by all of the provider, and costs no try', () => {
  using root = new TestRoot()
  const core = root.core()
  for (const id of ['a', 'b']) accept(core, { request_id: id, session_id: id })
  for (let time = 0; time < 5; time++) {
    begin(core, 'a')
    const before = core.journal.clock.now()
    end(core, 'a', failed({ retryable: true, limited: true, retry_after_ms: 7_200_000 }))
    const { state, attempts, not_before } = rowOf(core, 'a')
    const late = (core.holds.nextAt() ?? 0) - before - 7_200_000
    assert.deepEqual([state, attempts, not_before, late >= 0 && late <= 1_200], ['queued', 0, null, true], String(late))
  }
  for (const id of ['a', 'b']) {
    const { waits_for, next_try_at, holds } = describeRequest(core, id)
    assert.deepEqual([waits_for, Math.round((Date.parse(next_try_at ?? '') - Date.now()) / 10_000)], ['limit', 720])
    assert.deepEqual(
      holds?.map(({ scope, name, cause, reason }) => [scope, name, cause, reason]),
      [['provider', 'echo', 'limit', 'overloaded']],
    )
  }
  const last = core.events.after(0, 100).at(-1)
  assert.deepEqual([last?.name, last?.data.status, last?.data.limited], ['completion:progress', 'retrying', true])
})

test('a final error ends the request at its first try', () => {
  using root = new TestRoot()
  const core = root.core()
  accept(core, { request_id: 'a' })
  begin(core, 'a')
  end(core, 'a', failed({ retryable: false }))
  assert.deepEqual(core.requests.outcome('a'), { reason: 'provider_error', message: 'overloaded' })
})

test('a run that its runner gave up is lost once, or queued again at no cost of a try where asked', () => {
  using root = new TestRoot()
  const core = root.core()
  const aborted: RunOutcome = { status: 'aborted', provider: 'echo', started_at: 1, duration_ms: 1 }
  accept(core, { request_id: 'lost' })
  accept(core, { request_id: 'again', on_restart: 'requeue' })
  for (const id of ['lost', 'again']) {
    begin(core, id)
    end(core, id, aborted)
  }
  assert.deepEqual([rowOf(core, 'lost').state, core.requests.outcome('lost')?.reason], ['failed', 'daemon_restart'])
  assert.ok((core.requests.outcome('lost') as { started_at?: string }).started_at, 'it says when it had started')
  assert.deepEqual([rowOf(core, 'again').state, rowOf(core, 'again').attempts], ['queued', 0])
  assert.equal(core.conversations.runnable(1)[0], rowOf(core, 'again').conversation)
  assert.equal(core.requests.total('lost'), 1)
  assert.deepEqual(
    told(core, 'lost').at(-1),
    ['completion:failed', 'daemon_restart'],
    'and not as an error of the provider',
  )
})
