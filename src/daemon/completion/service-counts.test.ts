import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ask } from '../testing/ask.ts'
import { TestRoot, accept, begin, completed, failed, rowOf } from '../testing/test-core.ts'
import { settle } from './settle.ts'

type Reply = Record<string, unknown>

test('the status counts sessions, agents, providers, tokens and what waits for another try', async () => {
  using root = new TestRoot()
  const core = root.core()
  root.completion(core)
  begin(core, accept(core, { request_id: 'done', agent_id: 'worker', model: 'echo/echo' }))
  const usage = { input_tokens: 7, output_tokens: 3, cache_read_tokens: 0, cache_write_tokens: 0 }
  core.journal.tx(() => settle(core, rowOf(core, 'done'), Object.assign(completed('s'), { usage })))
  begin(core, accept(core, { request_id: 'runs', model: 'claude-cli/sonnet' }))
  begin(core, accept(core, { request_id: 'again', model: 'echo/echo' }))
  core.journal.tx(() => settle(core, rowOf(core, 'again'), failed({ retryable: true })))
  const { sessions, providers, token_usage, retry_manager } = await ask(core, 'completion:status')
  assert.deepEqual(sessions, {
    total_sessions: 1,
    locked_sessions: 1,
    active_sessions: 1,
    recovery_data_size: 1,
    agents_with_sessions: 1,
    active_requests: 2,
    pending_session_assignments: 1,
  })
  const { total_providers, available_providers, providers: byName } = providers as Reply
  assert.equal(total_providers, available_providers)
  assert.deepEqual((byName as Reply)['claude-cli'], { running: 1, limit: 4 })
  assert.deepEqual((byName as Reply)['echo'], { running: 0, limit: null })
  const { hours, total } = token_usage as { hours: number; total: Reply }
  assert.deepEqual([hours, total.total_tokens, total.runs], [1, 10, 1])
  assert.deepEqual(retry_manager, { total_retrying: 1, pending_timers: 1, policy: { max_attempts: 3 } })
  const told = await ask(core, 'completion:retry_status')
  assert.deepEqual([told.retry_manager, told.stats], ['active', { total_retrying: 1, max_attempts: 3 }])
  const [waits] = told.retrying_requests as Reply[]
  assert.ok(Number(waits?.next_retry_in) > 0)
  assert.equal(typeof waits?.created_at, 'string')
  assert.deepEqual(
    { ...waits, next_retry_in: 0, created_at: '' },
    {
      request_id: 'again',
      retry_attempt: 1,
      max_retries: 3,
      last_error: 'the last try failed',
      next_retry_in: 0,
      created_at: '',
    },
  )
})

test("a session's status says until when its request may run", async () => {
  using root = new TestRoot()
  const core = root.core()
  root.completion(core)
  accept(core, { request_id: 'r', session_id: 's', model: 'echo/echo' })
  const expiry = async (): Promise<unknown> =>
    ((await ask(core, 'completion:session_status', { session_id: 's' })).session as Reply).lock_expiry
  assert.equal(await expiry(), null)
  core.journal.tx(() =>
    core.journal.runs.start(rowOf(core, 'r'), {
      tick: core.journal.emitAny('completion:progress', { request_id: 'r' }, 'r'),
      now: 1,
      run_id: 'run',
      runner_id: '1',
      epoch: core.generation,
      deadline: 5_000,
      resumed_from: null,
    }),
  )
  assert.equal(await expiry(), '1970-01-01T00:00:05.000Z')
})
