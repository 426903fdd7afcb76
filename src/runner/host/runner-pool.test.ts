import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { fromRunnerLine } from '../../contracts/runner.ts'
import type { FromRunnerLine, ToRunnerLine } from '../../contracts/runner.ts'
import { silentLog } from '../../lib/log.ts'
import { openChildRegister } from '../orphans.ts'
import { RunnerPool } from './runner-pool.ts'

test('of two that start at once the one with the newer code takes the work, also when it is ready first', async () => {
  const root = mkdtempSync(join(tmpdir(), 'ksi-runners-'))
  const path = join(root, 'runner.mjs')
  const log = silentLog()
  const pool = new RunnerPool({
    runDir: root,
    path,
    env: {},
    bootMs: 10_000,
    heartbeatMs: 5_000,
    log,
    register: openChildRegister(join(root, 'runners'), log),
    onLine: () => {},
    onChange: () => {},
  })
  const program = (delayMs: number): string =>
    `setTimeout(() => process.send({ type: 'ready' }), ${delayMs}); ` +
    `process.on('message', ({ type }) => type === 'end' && process.exit())`
  writeFileSync(path, program(600))
  const slow = pool.start()
  // It has read its file by then.
  await new Promise((resolve) => setTimeout(resolve, 300))
  writeFileSync(path, program(0))
  await pool.start()
  const [newer] = pool.addresses()
  await slow
  assert.deepEqual(pool.addresses(), [newer])
  await pool.stop()
  rmSync(root, { recursive: true })
})

/** Long enough for an old runner that ends at once to be gone. */
const watchedMs = 200

/** Runners of a project without sources; `addSources` brings them. */
function makeRunners(onChange: () => void): { runners: RunnerPool; addSources: () => void } & AsyncDisposable {
  const root = mkdtempSync(join(tmpdir(), 'ksi-runners-'))
  const log = silentLog()
  const runners = new RunnerPool({
    runDir: join(root, 'var/run'),
    path: join(root, 'src/runner/main.ts'),
    env: { KSI_ROOT: root, KSI_MODE: 'dev' },
    bootMs: 10_000,
    heartbeatMs: 5_000,
    log,
    register: openChildRegister(join(root, 'var/run/runners'), log),
    onLine: () => {},
    onChange,
  })
  return {
    runners,
    addSources: () => symlinkSync(resolve(import.meta.dirname, '../..'), join(root, 'src')),
    async [Symbol.asyncDispose]() {
      await runners.stop()
      rmSync(root, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

test('a first runner that does not start is named as the problem, and tried again until there is one', async () => {
  const started = Promise.withResolvers<void>()
  await using made = makeRunners(() => {
    if (made.runners.addresses().length > 0) started.resolve()
  })
  const { runners, addSources } = made
  await runners.startFirst()
  assert.deepEqual(runners.addresses(), [])
  assert.match(String(runners.problem), /no runner, so requests wait: the runner did not start/)
  addSources()
  await started.promise
  assert.equal(runners.addresses().length, 1)
  assert.equal(runners.problem, null)
})

test('an old runner that has nothing to do still refuses what it is given, so that none counts as lost', async () => {
  let changes = 0
  await using made = makeRunners(() => changes++)
  const { runners, addSources } = made
  addSources()
  await runners.startFirst()
  const [first] = runners.addresses()
  assert.ok(first)
  const socket = connect(first.socket)
  const lines = createInterface({ input: socket })[Symbol.asyncIterator]()
  /** The answer; undefined when the runner is gone. */
  const say = async (line: ToRunnerLine): Promise<FromRunnerLine['type'] | undefined> => {
    socket.write(`${JSON.stringify(line)}\n`)
    const { value, done } = await lines.next()
    return done === true ? undefined : fromRunnerLine.parse(JSON.parse(value)).type
  }
  assert.equal(await say({ type: 'hello', epoch: 1 }), 'welcome')
  await runners.start()
  assert.equal(changes, 2)
  assert.deepEqual(
    runners.addresses().map(({ id, accepting }) => [id === first.id, accepting]),
    [
      [true, false],
      [false, true],
    ],
  )
  const until = performance.now() + watchedMs
  for (let n = 0; performance.now() < until; n++) {
    const input = {
      request_id: 'r',
      run_id: `run-${n}`,
      attempt: 1,
      model: 'echo/echo',
      prompt: 'x',
      parameters: {},
      timeout_ms: 1_000,
    }
    assert.equal(await say({ type: 'start', epoch: 1, input }), 'refused')
  }
  assert.equal((await lines.next()).done, true, 'then it ends')
})
