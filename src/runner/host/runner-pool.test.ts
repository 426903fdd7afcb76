import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { fromRunnerLine } from '../../contracts/runner.ts'
import type { FromRunnerLine, ToRunnerLine } from '../../contracts/runner.ts'
import { silentLog } from '../../lib/log.ts'
import type { WordLog } from '../../lib/plain-log.ts'
import { openChildRegister } from '../orphans.ts'
import { Drained } from './drained.ts'
import { RunnerPool } from './runner-pool.ts'

test('of two that start at once the one with the newer code takes the work, also when it is ready first', async () => {
  const root = mkdtempSync(join(tmpdir(), 'ksi-runners-'))
  const path = join(root, 'src/runner/main.ts')
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(join(root, 'package.json'), '{"type":"module"}')
  const log = silentLog()
  const pool = new RunnerPool({
    root,
    env: {},
    bootMs: 10_000,
    heartbeatMs: 5_000,
    spare: false,
    log,
    register: openChildRegister(join(root, 'runners'), log),
    drained: new Drained(join(root, 'drained'), log),
    onLine: () => {},
    onChange: () => {},
  })
  const program = (delayMs: number): string =>
    `setTimeout(() => process.send({ type: 'ready' }), ${delayMs}); ` +
    `process.on('message', (said) => said.type === 'end' && process.exit())`
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
function makeRunners(
  onChange: () => void,
  spare = false,
): {
  runners: RunnerPool
  begun: unknown[]
  pids: () => number[]
  drainedIds: () => readonly string[]
  addSources: () => void
} & AsyncDisposable {
  const root = mkdtempSync(join(tmpdir(), 'ksi-runners-'))
  const silent = silentLog()
  /** The processes that were told to begin, in order. */
  const begun: unknown[] = []
  const log: WordLog = {
    debug: () => {},
    info: (fields) => 'pid' in fields && begun.push(fields.pid),
    warn: () => {},
    error: () => {},
  }
  const runners = new RunnerPool({
    root,
    env: { KSI_ROOT: root, KSI_MODE: 'dev' },
    bootMs: 10_000,
    heartbeatMs: 5_000,
    spare,
    log,
    register: openChildRegister(join(root, 'var/run/runners'), silent),
    drained: new Drained(join(root, 'drained'), silent),
    onLine: () => {},
    onChange,
  })
  return {
    runners,
    begun,
    pids: () => readdirSync(join(root, 'var/run/runners')).map((name) => Number(name.split('_')[2])),
    // As the next host reads them.
    drainedIds: () => new Drained(join(root, 'drained'), silent).ids,
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

/** Says hello to a runner, and gives a way to start runs in it. */
function generation(path: string): { start: (latencyMs: number) => Promise<void>; refusals: () => number } {
  const socket = connect(path)
  let refused = 0
  createInterface({ input: socket }).on('line', (line) => {
    if (fromRunnerLine.parse(JSON.parse(line)).type === 'refused') refused += 1
  })
  const say = (line: ToRunnerLine): void => void socket.write(`${JSON.stringify(line)}\n`)
  say({ type: 'hello', epoch: 1 })
  let runs = 0
  return {
    refusals: () => refused,
    start: async (latencyMs) => {
      const id = `run-${++runs}`
      const extra_body = { echo: { latency_ms: latencyMs } }
      const input = { request_id: id, run_id: id, attempt: 1, model: 'echo/echo', prompt: 'x', timeout_ms: 60_000 }
      say({ type: 'start', epoch: 1, input: { ...input, parameters: {}, extra_body } })
      await delay(50)
    },
  }
}

test('draining waits for what runs, refuses what is new, and counts what is left when the time is over', async () => {
  await using made = makeRunners(() => {})
  const { runners, addSources, drainedIds } = made
  addSources()
  await runners.startFirst()
  const { start, refusals } = generation(runners.addresses()[0]?.socket ?? '')
  await start(300)
  await start(60_000)
  assert.equal(await runners.running(1_000), 2)
  const began = performance.now()
  const drained = runners.drain(1_000)
  await delay(100)
  await start(1)
  assert.deepEqual(await drained, { had: 2, left: 1 })
  const took = performance.now() - began
  assert.ok(took >= 1_000 && took < 2_000, `${took} ms`)
  assert.deepEqual([refusals(), runners.isDraining, runners.addresses()[0]?.accepting], [1, true, false])
  await runners.stop()
  assert.deepEqual(drainedIds(), [], 'it took a run along')
})

test('draining what holds nothing that runs is over soon, and it is known to have ended in peace', async () => {
  await using made = makeRunners(() => {})
  const { runners, addSources, drainedIds } = made
  addSources()
  await runners.startFirst()
  const [{ id, socket } = { id: '', socket: '' }] = runners.addresses()
  await generation(socket).start(1)
  // It has an outcome that nobody commits: that lies in its log.
  assert.deepEqual(await runners.drain(20_000), { had: 0, left: 0 })
  await runners.stop()
  assert.deepEqual(drainedIds(), [id])
})

test('what is ended without being asked how much it holds is not taken to have ended in peace', async () => {
  await using made = makeRunners(() => {})
  const { runners, addSources, drainedIds } = made
  addSources()
  await runners.startFirst()
  assert.equal(await runners.running(1_000), 0)
  await generation(runners.addresses()[0]?.socket ?? '').start(60_000)
  await runners.stop()
  assert.deepEqual(drainedIds(), [])
})

test('a spare is made after a start and becomes the next runner, unless what it has loaded is old', async () => {
  await using made = makeRunners(() => {}, true)
  const { runners, addSources, begun, pids } = made
  addSources()
  await runners.startFirst()
  const spareOf = async (known: unknown[]): Promise<number> => {
    for (;;) {
      const spare = pids().find((pid) => !known.includes(pid))
      if (spare !== undefined) return spare
      await delay(20)
    }
  }
  const spare = await spareOf(begun)
  await runners.start()
  assert.equal(begun[1], spare)
  const stale = await spareOf([...begun, spare])
  runners.useEnv({ KSI_MODE: 'dev' })
  await runners.start().catch(() => {})
  assert.ok(begun.length === 3 && begun[2] !== stale)
})
