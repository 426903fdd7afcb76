import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fromRunnerHost } from './runner-host.ts'
import { fromRunnerLine } from './runner.ts'

/*
 * Runners, their host and the daemon may come from different code. Within one version of the protocol a newer side may
 * have words of its own, and an older one lacks some: neither is to take along what stands beside it.
 */

const failed = {
  status: 'failed',
  provider: 'echo',
  reason: 'provider_error',
  message: 'no',
  retryable: false,
  started_at: 1,
  duration_ms: 2,
}
const held = { run_id: 'run', request_id: 'request', started_at: 1 }

test('an outcome with words nobody knows yet is taken in with those that are known', () => {
  const odd = { reason: 'moon_phase', limits: 'galaxy', outage: 'partly', usage: { input_tokens: 3 }, unheard_of: 1 }
  const line = { type: 'outcome', run_id: 'run', request_id: 'request', outcome: { ...failed, ...odd } }
  const heard = fromRunnerLine.parse(line)
  assert.ok(heard.type === 'outcome' && heard.outcome.status === 'failed')
  const { limits, outage, usage, ...rest } = heard.outcome
  assert.deepEqual([limits, outage, usage], [undefined, undefined, undefined])
  assert.deepEqual(rest, failed)
})

test('one odd outcome among those a runner holds does not hide the others', () => {
  const runs = [
    { ...held, outcome: { ...failed, reason: 'moon_phase' } },
    { ...held, run_id: 'other' },
  ]
  const heard = fromRunnerLine.parse({ type: 'welcome', runner_id: 'r', runs, mood: 'fine' })
  assert.ok(heard.type === 'welcome')
  assert.deepEqual(
    heard.runs.map(({ run_id }) => run_id),
    ['run', 'other'],
  )
})

test('a chunk of a kind nobody knows yet keeps its place in the stream, as it came', () => {
  const odd = { kind: 'picture', url: 'x' }
  const chunks = [
    { offset: 0, chunk: odd },
    { offset: 1, chunk: { kind: 'text', text: 'x' } },
  ]
  const heard = fromRunnerLine.parse({ type: 'chunks', id: 1, chunks, next: 'more' })
  assert.ok(heard.type === 'chunks')
  assert.deepEqual(heard.chunks, [{ offset: 0, chunk: { kind: 'raw', data: odd } }, chunks[1]])
})

test('a list of runners is read whatever it says of a failure, and what it does not say', () => {
  const runners = [{ id: 'r', socket: '/r.sock', accepting: true, since: 1 }]
  const error = { name: 'Error', message: 'no' }
  const failure = { boot_id: 'b', cause: 'whim', files: [], phase: 'dawn', error, at: 1 }
  const heard = fromRunnerHost.parse({ type: 'runners', runners, drained: [], problem: null, failure })
  assert.ok(heard.type === 'runners')
  assert.deepEqual([heard.failure?.error.message, heard.runners.length], ['no', 1])
  const scant = fromRunnerHost.parse({ type: 'runners', runners })
  assert.ok(scant.type === 'runners')
  assert.deepEqual(
    [scant.drained, scant.problem, scant.failure, scant.draining, scant.runners[0]?.protocol],
    [[], null, null, false, 1],
  )
})
