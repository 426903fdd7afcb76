import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import type { FromRunnerLine, RunOutcome } from '../contracts/runner.ts'
import { silentLog } from '../lib/log.ts'
import { readLog } from '../store/run-log/read-log.ts'
import { makeInput, unheard } from './testing/inputs.ts'
import { ProviderError } from './providers/provider.ts'
import type { Provider } from './providers/provider.ts'
import { createRegistry } from './providers/registry.ts'
import { Runs } from './runs.ts'

let root: string
let logDir: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'ksi-runs-'))
  logDir = join(root, 'log')
})
afterEach(() => rmSync(root, { recursive: true }))

/** Never answers, and ends when it is aborted. */
const hang: Provider['run'] = (_, { signal }) =>
  new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))))

/** Runs over one provider, `test/…`; `outcome` resolves with the next outcome told. */
function makeRuns(run: Provider['run']): { runs: Runs; lines: FromRunnerLine[]; outcome: () => Promise<RunOutcome> } {
  const registry = createRegistry({ test: async () => ({ name: 'test', run }) })
  const runs = new Runs({ logDir, registry, log: silentLog(), graceMs: 50, ...unheard })
  const lines: FromRunnerLine[] = []
  let wake: (outcome: RunOutcome) => void = () => {}
  runs.tellTo((line) => {
    lines.push(line)
    if (line.type === 'outcome') wake(line.outcome)
  })
  return { runs, lines, outcome: () => new Promise((resolve) => (wake = resolve)) }
}

const input = makeInput({ run_id: 'run1', request_id: 'req1', model: 'test/x' })

test('an outcome is in the log before it is told, and marked there once it is committed', async () => {
  const { runs, lines, outcome } = makeRuns(async () => ({ session_id: 's1', response: { result: 'fine' } }))
  let logged: unknown
  const told = outcome().then(() => (logged = readLog(logDir).get('run1')?.outcome))
  assert.equal(runs.start(input), undefined)
  await told
  const held = runs.held()[0]?.outcome
  assert.ok(held?.status === 'completed')
  assert.deepEqual([held.provider, held.session_id, held.response], ['test', 's1', { result: 'fine' }])
  assert.deepEqual(logged, held)
  assert.deepEqual(lines, [{ type: 'outcome', run_id: 'run1', request_id: 'req1', outcome: held }])
  runs.committed('run1')
  assert.deepEqual(runs.held(), [])
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(readLog(logDir).get('run1')?.committed, true)
})

test('a run that is held is not started again', async () => {
  let calls = 0
  const { runs, outcome } = makeRuns(async () => {
    calls++
    return { response: {} }
  })
  const ended = outcome()
  runs.start(input)
  runs.start(input)
  await ended
  runs.start(input)
  assert.equal(runs.held().length, 1)
  assert.equal(calls, 1)
})

test('a log that cannot be written keeps the outcome in memory', async () => {
  writeFileSync(logDir, 'a file where the folder should be')
  const { runs, outcome } = makeRuns(async () => ({ response: {} }))
  const ended = outcome()
  runs.start(input)
  assert.equal((await ended).status, 'completed')
  assert.equal(runs.held()[0]?.outcome?.status, 'completed')
  runs.committed('run1')
  assert.deepEqual(runs.held(), [])
})

test('a failure of the provider says whether to try again, and when', async () => {
  const { runs, outcome } = makeRuns(async () => {
    throw new ProviderError('slow down', { retryable: true, retryAfterMs: 1_234 })
  })
  const ended = outcome()
  runs.start(input)
  const { started_at, duration_ms, ...rest } = await ended
  assert.deepEqual(rest, {
    status: 'failed',
    provider: 'test',
    reason: 'provider_error',
    message: 'slow down',
    retryable: true,
    retry_after_ms: 1_234,
  })
  assert.ok(started_at <= Date.now() && duration_ms >= 0)
})

test('whatever else a provider throws is a final failure with its message', async () => {
  const throwing: Provider['run'][] = [
    () => {
      throw new TypeError('x is not a function')
    },
    () => Promise.reject('just text'),
  ]
  for (const [index, run] of throwing.entries()) {
    const { runs, outcome } = makeRuns(run)
    const ended = outcome()
    runs.start({ ...input, run_id: `run${index}` })
    const failed = await ended
    assert.ok(failed.status === 'failed')
    assert.deepEqual(
      [failed.reason, failed.retryable, failed.message],
      ['provider_error', false, ['x is not a function', 'just text'][index]],
    )
  }
})

test('a model of no known provider is a final failure under the name that was asked for', async () => {
  const { runs, outcome } = makeRuns(hang)
  const ended = outcome()
  runs.start({ ...input, model: 'nobody/x' })
  const failed = await ended
  assert.ok(failed.status === 'failed')
  assert.deepEqual([failed.provider, failed.reason, failed.retryable], ['nobody', 'invalid_request', false])
})

test('past its time limit a run fails, retryable', async () => {
  const { runs, outcome } = makeRuns(hang)
  const ended = outcome()
  runs.start({ ...input, timeout_ms: 20 })
  const failed = await ended
  assert.ok(failed.status === 'failed')
  assert.deepEqual([failed.reason, failed.retryable], ['timeout', true])
  assert.ok(failed.duration_ms >= 19)
})

test('an aborted run has the outcome aborted once its provider has ended', async () => {
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>()
  const { promise: cleared, resolve: clear } = Promise.withResolvers<void>()
  const { runs, lines, outcome } = makeRuns(async (_, { signal }) => {
    begin()
    await once(signal, 'abort')
    await cleared
    throw new Error('ended')
  })
  const ended = outcome()
  runs.start(input)
  await begun
  runs.abort('no such run')
  runs.abort('run1')
  await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(lines, [])
  clear()
  assert.equal((await ended).status, 'aborted')
  assert.equal(readLog(logDir).get('run1')?.outcome?.status, 'aborted')
})

test('a run that is aborted before its provider is loaded never reaches it', async () => {
  let calls = 0
  const { runs, outcome } = makeRuns(async () => {
    calls++
    return { response: {} }
  })
  const ended = outcome()
  runs.start(input)
  runs.abort('run1')
  assert.equal((await ended).status, 'aborted')
  assert.equal(calls, 0)
})

test('a provider that does not end when it is aborted is waited for only so long', { timeout: 5_000 }, async () => {
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>()
  const { runs, outcome } = makeRuns(() => {
    begin()
    return new Promise(() => {})
  })
  const ended = outcome()
  runs.start(input)
  await begun
  runs.abort('run1')
  const aborted = await ended
  assert.equal(aborted.status, 'aborted')
  assert.ok(aborted.duration_ms >= 45)
})

test('progress is told while a run goes on, and not after its end', async () => {
  let late: () => void = () => {}
  const { runs, lines, outcome } = makeRuns(async (_, { onProgress }) => {
    onProgress({ tokens: 1 })
    late = () => onProgress({ tokens: 2 })
    return { response: {} }
  })
  const ended = outcome()
  runs.start(input)
  await ended
  late()
  assert.deepEqual(
    lines.map((line) => line.type),
    ['progress', 'outcome'],
  )
  assert.deepEqual(lines[0], { type: 'progress', run_id: 'run1', request_id: 'req1', data: { tokens: 1 } })
})

test('draining refuses new runs and is over when the last outcome is committed', async () => {
  const { runs, outcome } = makeRuns(async () => ({ response: {} }))
  const ended = outcome()
  runs.start(input)
  let empty = 0
  runs.drain(() => empty++)
  assert.equal(runs.start(makeInput({ model: 'test/x' })), 'draining')
  assert.equal(runs.start(input), undefined, 'one that is held is not refused')
  await ended
  assert.equal(empty, 0)
  runs.committed('run1')
  assert.equal(empty, 1)
})

test('draining with no runs is over at once', () => {
  let empty = 0
  makeRuns(hang).runs.drain(() => empty++)
  assert.equal(empty, 1)
})

test('runs cut by the end of the runner leave no outcome behind, finished ones do', async () => {
  const { runs, lines, outcome } = makeRuns((given, ctx) =>
    given.run_id === 'done' ? Promise.resolve({ response: {} }) : hang(given, ctx),
  )
  const ended = outcome()
  runs.start({ ...input, run_id: 'done' })
  await ended
  runs.start({ ...input, run_id: 'cut' })
  await runs.stop()
  await runs.stop()
  assert.deepEqual(
    [...readLog(logDir).values()].map(({ run_id, outcome }) => [run_id, outcome?.status]),
    [
      ['done', 'completed'],
      ['cut', undefined],
    ],
  )
  assert.equal(lines.length, 1)
  assert.equal(runs.start(makeInput({ model: 'test/x' })), 'stopping')
})
