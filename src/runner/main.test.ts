import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { readLog } from '../store/run-log/read-log.ts'
import { logDirOf } from '../store/run-log/read-run.ts'
import { TestClient } from './testing/client.ts'
import { startDeathWatch } from './testing/death-watch.ts'
import type { DeathWatch } from './testing/death-watch.ts'
import { fakeClaude, makeInput } from './testing/inputs.ts'

let root: string
let socket: string
let watch: DeathWatch
const children: ChildProcess[] = []
const clients: TestClient[] = []

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'ksi-runner-'))
  socket = join(root, 'runner.sock')
  watch = await startDeathWatch(join(root, 'deaths.sock'))
})
afterEach(async () => {
  for (const client of clients.splice(0)) await client.close()
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue
    // Not SIGKILL: it is to take its programs along.
    child.kill('SIGTERM')
    await once(child, 'exit')
  }
  await watch.close()
  rmSync(root, { recursive: true })
})

/** Starts the real process; resolves when it says ready. */
async function startRunner(): Promise<ChildProcess> {
  // oxlint-disable-next-line node/no-process-env -- claude's stand-in needs PATH
  const { PATH } = process.env
  const env = {
    PATH,
    KSI_ROOT: root,
    KSI_RUNNER_ID: 'r1',
    KSI_RUNNER_SOCKET: socket,
    KSI_CLAUDE_BIN: fakeClaude,
    CLAUDE_FAKE_SOCKET: watch.socket,
  }
  const child = fork(new URL('main.ts', import.meta.url), { env, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] })
  children.push(child)
  child.stdout?.resume()
  child.stderr?.pipe(process.stderr)
  child.send({ type: 'begin' })
  while ((await once(child, 'message'))[0].type !== 'ready');
  return child
}

async function connect(): Promise<TestClient> {
  const client = await TestClient.open(socket)
  clients.push(client)
  return client
}

const claudeInput = (prompt: string): ReturnType<typeof makeInput> => makeInput({ model: 'claude-cli/sonnet', prompt })

test('runs go on while no generation is there, and the next one is told all', async () => {
  await startRunner()
  const first = await connect()
  await first.hello(1)
  const [quick, slow] = [makeInput(), claudeInput('!sleep 300')]
  first.send({ type: 'start', epoch: 1, input: slow })
  first.send({ type: 'start', epoch: 1, input: quick })
  await first.next('outcome')
  await first.close()
  const second = await connect()
  const { runs } = await second.hello(2)
  const held = new Map(runs.map((run) => [run.run_id, run.outcome?.status]))
  assert.deepEqual(
    held,
    new Map([
      [slow.run_id, undefined],
      [quick.run_id, 'completed'],
    ]),
  )
  const logged = readLog(logDirOf(join(root, 'var/run/runs'), 'r1'))
  assert.equal(logged.get(quick.run_id)?.outcome?.status, 'completed')
  second.send({ type: 'committed', run_id: quick.run_id })
  const { run_id, outcome } = await second.next('outcome')
  assert.equal(run_id, slow.run_id)
  assert.ok(outcome.status === 'completed')
  assert.equal(outcome.response['result'], 'You said: !sleep 300')
})

test('a drained runner says idle when its last outcome is committed, and ends when it is told to', async () => {
  const child = await startRunner()
  const client = await connect()
  await client.hello(1)
  const input = makeInput({ extra_body: { echo: { latency_ms: 50 } } })
  client.send({ type: 'start', epoch: 1, input })
  // The welcome says that the start was read.
  await client.hello(1)
  child.send({ type: 'drain' })
  await client.next('outcome')
  const messages: unknown[] = []
  child.on('message', (message) => messages.push(message))
  const late = makeInput()
  client.send({ type: 'start', epoch: 1, input: late })
  assert.equal((await client.next('refused')).reason, 'draining')
  assert.deepEqual(messages, [])
  client.send({ type: 'committed', run_id: input.run_id })
  assert.deepEqual((await once(child, 'message'))[0], { type: 'idle' })
  child.send({ type: 'end' })
  assert.deepEqual(await once(child, 'exit'), [0, null])
  assert.equal(existsSync(socket), false)
})

/** Starts a run of claude with a grandchild; resolves when both live. */
async function startClaude(prompt: string): ReturnType<DeathWatch['next']> {
  const client = await connect()
  await client.hello(1)
  client.send({ type: 'start', epoch: 1, input: claudeInput(`${prompt}\n!grandchild\n!sleep 60000`) })
  const [claude, grandchild] = await Promise.all([watch.next('claude'), watch.next('grandchild')])
  return { pid: claude.pid, died: Promise.all([claude.died, grandchild.died]) }
}

test('when the supervisor is gone the runner ends, and all it has started with it', async () => {
  const child = await startRunner()
  const claude = await startClaude('!stubborn')
  const began = performance.now()
  child.stdout?.destroy()
  child.disconnect()
  assert.deepEqual(await once(child, 'exit'), [0, null])
  assert.ok(performance.now() - began < 3_000)
  await claude.died
  assert.equal(existsSync(socket), false)
  const [left] = readLog(logDirOf(join(root, 'var/run/runs'), 'r1')).values()
  assert.ok(left !== undefined && left.outcome === undefined, 'a run that died with its runner has no outcome')
})

test('Ctrl-C does not end it, SIGTERM does', async () => {
  const child = await startRunner()
  const claude = await startClaude('')
  child.kill('SIGINT')
  const client = await connect()
  assert.equal((await client.hello(2)).runs.length, 1)
  client.send({ type: 'start', epoch: 2, input: makeInput({ extra_body: { echo: { latency_ms: 100 } } }) })
  assert.equal((await client.next('outcome')).outcome.status, 'completed')
  child.kill('SIGTERM')
  child.kill('SIGTERM')
  assert.deepEqual(await once(child, 'exit'), [0, null])
  await claude.died
})

test('what a killed runner has left is ended by the next one before it is ready', async () => {
  const child = await startRunner()
  const claude = await startClaude('')
  child.kill('SIGKILL')
  await once(child, 'exit')
  process.kill(claude.pid, 0)
  await startRunner()
  await claude.died
  assert.deepEqual((await (await connect()).hello(2)).runs, [])
})

test('a second runner leaves the programs of a living one alone', async () => {
  await startRunner()
  const claude = await startClaude('')
  socket = join(root, 'second.sock')
  await startRunner()
  const ended = await Promise.race([claude.died.then(() => true), (await connect()).hello(1).then(() => false)])
  assert.equal(ended, false)
  process.kill(claude.pid, 0)
})
