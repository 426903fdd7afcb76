import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, test } from 'node:test'
import { sampleAcknowledgement, sampleHealth, sampleRequest } from '../client/testing/samples.ts'
import type { CheckpointContent, CheckpointSummary } from '../contracts/checkpoint.ts'
import type { BootFailure } from '../contracts/control.ts'
import type { CheckpointReplies } from '../contracts/events/dev.ts'
import { FakeDaemon } from '../client/testing/fake-daemon.ts'
import { runKsi } from './testing/run-ksi.ts'
import type { Ended, RunOptions } from './testing/run-ksi.ts'
import { sampleCompletionStatus, sampleStatus } from './testing/samples.ts'

let dir: string
let path: string
let daemon: FakeDaemon

before(() => {
  dir = mkdtempSync(join(tmpdir(), 'ksi-cli-'))
  path = join(dir, 'daemon.sock')
})
after(() => rmSync(dir, { recursive: true, force: true }))
beforeEach(async () => {
  daemon = await new FakeDaemon({ path }).start()
})
afterEach(() => daemon.stop())

const failure: BootFailure = {
  boot_id: 'b',
  cause: 'save',
  files: ['src/daemon/x.ts'],
  phase: 'import',
  error: { message: 'SyntaxError: x' },
  at: 1,
}

function ksi(args: string[], options: RunOptions = {}): Promise<Ended> {
  return runKsi([...args, '--socket', path], options)
}

test('health exits with 0 when healthy, 1 when restarting or silent, 69 when nobody listens', async () => {
  daemon.answers['system:health'] = () => sampleHealth({ generation: 7, uptime: 61 })
  const healthy = await ksi(['health'])
  assert.deepEqual([healthy.code, healthy.stdout, healthy.stderr], [0, 'healthy: generation 7, up 1 min\n', ''])
  assert.deepEqual(
    [(await ksi(['health', '--quiet'])).stdout, JSON.parse((await ksi(['health', '--json'])).stdout).generation],
    ['', 7],
  )
  const absent = { status: 'restarting' as const, generation: null, problem: null, next_try_at: null }
  daemon.answers['system:health'] = () => absent
  const restarting = await ksi(['health'])
  assert.deepEqual([restarting.code, restarting.stdout], [1, 'restarting\n'])
  daemon.answers['system:health'] = () => ({ ...absent, generation: 7, problem: 'It crashed' })
  const crashed = await ksi(['health'])
  assert.deepEqual([crashed.code, crashed.stdout], [1, 'restarting: generation 7 is gone: It crashed\n'])
  daemon.answers['system:health'] = () => undefined
  const silent = await ksi(['health', '--timeout', '100ms'])
  assert.equal(silent.code, 1)
  assert.match(silent.stderr, /no reply within 100 ms/)
  await daemon.stop()
  const dead = await ksi(['health', '--quiet'])
  assert.deepEqual([dead.code, dead.stdout, dead.stderr], [69, '', ''])
})

test('status tells what runs and waits, and exits with 0 when all is well', async () => {
  daemon.answers['supervisor:status'] = () => sampleStatus()
  daemon.answers['completion:status'] = () => sampleCompletionStatus()
  const { code, stdout } = await ksi(['status'])
  assert.equal(code, 0)
  assert.match(stdout, /^ksi is serving\.\n/)
  assert.match(stdout, /generation +7 for 1 min/)
  assert.match(stdout, /queue +12 queued, 1 processing, 120 completed, 1 failed, 0 cancelled, 2 lost with a runner/)
  assert.match(stdout, /runner host +up for 2 min, in a container of its own/)
  assert.match(stdout, /running\n +run-1 +s1 +3\.\d s/)
  const asData = JSON.parse((await ksi(['status', '--json'])).stdout)
  assert.deepEqual([asData.serving, asData.supervisor.generation, asData.completion.lost], [true, 7, 2])
})

test('status names a change that did not become live, and exits with 1', async () => {
  daemon.answers['supervisor:status'] = () =>
    sampleStatus({ problem: 'The last change is not live', last_failure: failure })
  daemon.answers['completion:status'] = () => sampleCompletionStatus()
  const { code, stdout } = await ksi(['status'])
  assert.equal(code, 1)
  assert.match(stdout, /serving the code before the last change/)
  assert.match(stdout, /src\/daemon\/x\.ts: SyntaxError: x/)
})

test('status tells of files that cannot be watched', async () => {
  daemon.answers['supervisor:status'] = () => sampleStatus({ watch_problem: 'Cannot be read: src/x (EACCES).' })
  assert.match((await ksi(['status'])).stdout, /^ {2}Cannot be read: src\/x \(EACCES\)\.$/m)
})

test('status tells which quotas fill up', async () => {
  daemon.answers['supervisor:status'] = () => sampleStatus({ filling: ['The journal has 9 bytes of 10.'] })
  assert.match((await ksi(['status'])).stdout, /^ {2}The journal has 9 bytes of 10\.$/m)
})

test('status without a live generation asks it nothing, and exits with 1', async () => {
  daemon.answers['supervisor:status'] = () =>
    sampleStatus({ phase: 'crashed', generation: null, problem: 'It crashed', next_try_at: Date.now() + 5_000 })
  const { code, stdout } = await ksi(['status'])
  assert.equal(code, 1)
  assert.match(stdout, /^ksi is not serving\.\n {2}It crashed\n {2}Next try in \d/)
  assert.equal(daemon.receivedOf('completion:status').length, 0)
})

test('what a client sent cannot give the terminal orders, neither in words nor as JSON', async () => {
  const hostile = '\u001b]0;title\u0007\u001b[2J\u009b1;1Hx\u202e'
  const counts = sampleCompletionStatus()
  daemon.answers['supervisor:status'] = () =>
    sampleStatus({ problem: hostile, trouble: { at: 1, error: { message: hostile } } })
  daemon.answers['completion:status'] = () => ({
    ...counts,
    running: counts.running.map((request) => ({ ...request, request_id: hostile })),
  })
  daemon.answers['test:odd'] = () => ({ status: 'error', error: hostile })
  const env = { FORCE_COLOR: '1' }
  for (const args of [['status'], ['status', '--json'], ['send', 'test:odd']]) {
    const { stdout, stderr } = await ksi(args, { env })
    // oxlint-disable-next-line no-control-regex -- our own colours
    const left = (stdout + stderr).replaceAll(new RegExp('\\u001b\\[\\d+m', 'g'), '')
    assert.match(left, /title/)
    assert.doesNotMatch(left, /[^\P{C}\n]/u, args.join(' '))
  }
})

test('reload tells the generation and the times, or the error with exit code 1', async () => {
  daemon.answers['system:reload'] = () => ({ status: 'reloaded', generation: 8, phases: { import: 12, total: 46 } })
  const done = await ksi(['reload'])
  assert.deepEqual([done.code, done.stdout], [0, 'Generation 8 is live after 46 ms (import 12 ms).\n'])
  daemon.answers['system:reload'] = () => ({ status: 'failed', error: 'src/x.ts: Unexpected token', failure })
  const failed = await ksi(['reload', '--json'])
  assert.equal(failed.code, 1)
  assert.match(failed.stderr, /Unexpected token/)
  assert.equal(JSON.parse(failed.stdout).status, 'failed')
})

test('rollback tells the generation and what is not live, or why not with exit code 1', async () => {
  const files = ['src/a.ts', 'src/b.ts']
  const reply = { status: 'rolled_back' as const, generation: 9, phases: { total: 180 }, files }
  daemon.answers['system:rollback'] = () => reply
  const done = await ksi(['rollback'])
  assert.equal(done.code, 0)
  assert.match(done.stdout, /^Generation 9 is live after 180 ms, with the code from before\.\n/)
  assert.match(done.stdout, /Not live now: src\/a\.ts, src\/b\.ts\.\n$/)
  assert.deepEqual(JSON.parse((await ksi(['rollback', '--json'])).stdout), reply)
  daemon.answers['system:rollback'] = () => ({ status: 'failed', error: 'The journal is newer', failure })
  const failed = await ksi(['rollback'])
  assert.deepEqual([failed.code, failed.stdout], [1, ''])
  assert.match(failed.stderr, /Not rolled back: The journal is newer/)
})

test('send makes data of its options: JSON where it is JSON, ids and prompts text, dashes underscores', async () => {
  daemon.answers['test:echo'] = (data) => data
  const args = [
    'send',
    'test:echo',
    '--prompt',
    '42',
    '--session-id=7',
    '--n',
    '7',
    '--flag',
    '--list',
    '[1,2]',
    '--word',
    'a b',
    '--eq=x=y',
  ]
  const { code, stdout } = await ksi(args)
  assert.equal(code, 0)
  assert.deepEqual(JSON.parse(stdout), {
    prompt: '42',
    session_id: '7',
    n: 7,
    flag: true,
    list: [1, 2],
    word: 'a b',
    eq: 'x=y',
  })
})

test('send takes data as JSON, from a file and from stdin', async () => {
  daemon.answers['test:echo'] = (data) => data
  const file = join(dir, 'data.json')
  writeFileSync(file, '{"from":"file"}')
  assert.deepEqual(JSON.parse((await ksi(['send', 'test:echo', '--data', '{"a":{"b":1}}', '--c', '2'])).stdout), {
    a: { b: 1 },
    c: 2,
  })
  assert.deepEqual(JSON.parse((await ksi(['send', 'test:echo', '--file', file])).stdout), { from: 'file' })
  assert.deepEqual(
    JSON.parse((await ksi(['send', 'test:echo', '--file', '-'], { input: '{"from":"stdin"}' })).stdout),
    { from: 'stdin' },
  )
  assert.deepEqual(
    JSON.parse((await ksi(['send', 'test:echo', '--json'])).stdout),
    {},
    'the switch of the other commands does no harm',
  )
  assert.equal((await ksi(['send', 'test:echo', '--file', join(dir, 'none')])).code, 64)
  assert.equal((await ksi(['send', 'test:echo', '--file', '-'], { input: '[]' })).code, 64)
})

test('send asks back: a value that begins with dashes, --json with what is sent, a word too many', async () => {
  daemon.answers['test:echo'] = (data) => data
  const dashes = await ksi(['send', 'test:echo', '--prompt', '--hi'])
  assert.deepEqual([dashes.code, dashes.stderr.includes('--prompt=--hi')], [64, true])
  assert.deepEqual(JSON.parse((await ksi(['send', 'test:echo', '--prompt=--hi'])).stdout), { prompt: '--hi' })
  const asInput = await ksi(['send', 'test:echo', '--json', '{"a":1}'])
  assert.deepEqual([asInput.code, asInput.stderr.includes("--data '{…}'")], [64, true])
  assert.equal((await ksi(['send', 'test:echo', 'test:echo'])).code, 64)
  daemon.answers['test:strict'] = () => ({
    status: 'error',
    error: 'Unknown parameter: wiat. test:strict takes prompt.',
    code: 'KSI_BAD_REQUEST',
  })
  const own = await ksi(['send', 'test:strict', '--wiat'])
  assert.deepEqual([own.code, own.stderr.includes('Did you mean "--wait"?')], [64, true])
  assert.equal(daemon.receivedOf('test:echo').length, 1)
})

test('send prints an error as data, says it, and exits with its code', async () => {
  daemon.answers['test:full'] = () => ({ status: 'error', error: 'The queue is full.', code: 'KSI_QUEUE_FULL' })
  daemon.answers['test:odd'] = () => ({ status: 'error', error: 'Unknown event: test:odd', similar: ['test:old'] })
  const full = await ksi(['send', 'test:full'])
  assert.deepEqual(
    [full.code, full.stderr, JSON.parse(full.stdout).code],
    [75, 'ksi: The queue is full.\n', 'KSI_QUEUE_FULL'],
  )
  const odd = await ksi(['send', 'test:odd'])
  assert.deepEqual([odd.code, odd.stderr], [1, 'ksi: Unknown event: test:odd Did you mean test:old?\n'])
})

test('send --wait prints the outcome, over a restart of the daemon, and exits with 1 when it failed', async () => {
  let waits = 0
  const ksiPart = { provider: 'echo', request_id: 'r1', timestamp: '2026-01-01T00:00:00Z', duration_ms: 5 }
  const result = { ksi: ksiPart, response: { result: 'hi' } }
  daemon.answers['completion:async'] = () => sampleAcknowledgement()
  daemon.answers['completion:wait'] = () => (++waits === 1 ? undefined : sampleRequest({ status: 'completed', result }))
  const asked = ksi(['send', 'completion:async', '--prompt', 'hello', '--wait'])
  await daemon.until('completion:wait')
  await daemon.stop()
  await daemon.start()
  const { code, stdout, stderr } = await asked
  assert.equal(code, 0)
  assert.match(stderr, /r1 is taken/)
  assert.equal(JSON.parse(stdout).result.response.result, 'hi')
  daemon.answers['completion:wait'] = () =>
    sampleRequest({ status: 'failed', reason: 'daemon_restart', message: 'it died' })
  const failed = await ksi(['send', 'completion:async', '--prompt', 'hello', '--wait'])
  assert.equal(failed.code, 1)
  assert.match(failed.stderr, /failed, daemon_restart: it died/)
})

test('checkpoint create tells what was saved', async () => {
  const saved: CheckpointReplies['create'] = {
    status: 'saved',
    checkpoint: 3,
    timestamp: '2026-01-01T00:00:00Z',
    sessions: 2,
    queued_requests: 5,
    active_requests: 1,
  }
  daemon.answers['dev:checkpoint'] = () => saved
  const { code, stdout } = await ksi(['checkpoint', 'create', '--reason', 'pre-stop'])
  assert.deepEqual([code, stdout], [0, 'Checkpoint 3 is saved: 5 queued, 1 running, in 2 sessions.\n'])
  assert.deepEqual(daemon.received[0]?.data, { action: 'create', reason: 'pre-stop' })
  assert.deepEqual(JSON.parse((await ksi(['checkpoint', 'create', '--json'])).stdout), saved)
})

test('checkpoint show, list and diff ask for what was said and print it', async () => {
  const summary: CheckpointSummary = {
    id: 3,
    tick: 9,
    at: '2026-01-01T00:00:00Z',
    reason: 'reload',
    generation: 2,
    queued: 1,
    active: 1,
    sessions: 1,
    files: ['src/x.ts'],
    restored_at: null,
    restored_by: null,
    module_failures: [{ module: 'notes', error: 'too large' }],
  }
  const content: CheckpointContent = {
    ...summary,
    session_queues: { s1: [{ request_id: 'q1', status: 'queued', data: { prompt: 'one\ntwo' } }] },
    active_operations: {
      a1: {
        status: 'processing',
        session_id: 's1',
        conversation: 's1',
        started_at: '2026-01-01T00:00:00Z',
        client_info: null,
      },
    },
    services: {},
    truncated: false,
    next: null,
  }
  const replies: Pick<CheckpointReplies, 'list' | 'show' | 'diff'> = {
    list: { checkpoints: [summary] },
    show: content,
    diff: {
      checkpoint: 2,
      against: 3,
      added: ['q1'],
      finished: [],
      started: ['a1'],
      queued_again: [],
      counts: { added: 1, finished: 0, started: 1, queued_again: 0 },
    },
  }
  daemon.answers['dev:checkpoint'] = ({ action }) =>
    action === 'list' || action === 'show' || action === 'diff' ? replies[action] : undefined
  assert.match(
    (await ksi(['checkpoint', 'list'])).stdout,
    /^NUMBER .*\n3 +2026-01-01 00:00:00Z? +reload +2 +1 +1 +-\n$/,
  )
  const shown = await ksi(['checkpoint', 'show', '3'])
  const expected = [
    /Checkpoint 3, reload.*/,
    /Changed: src\/x\.ts/,
    /Without the state of the module notes: too large/,
    /1 running/,
    / {2}a1 +s1 .*/,
    /1 queued/,
    / {2}s1/,
    / {4}1\. +q1 +queued +one two/,
  ]
  assert.match(shown.stdout, new RegExp(`^${expected.map(({ source }) => source).join('\n')}\n$`))
  assert.deepEqual(daemon.received.at(-1)?.data, { action: 'show', checkpoint: 3 })
  assert.deepEqual(JSON.parse((await ksi(['checkpoint', 'show', '--json'])).stdout), content)
  assert.match(
    (await ksi(['checkpoint', 'diff', '2', '3'])).stdout,
    /From checkpoint 2 to 3:\n1 added\n {2}q1\n1 started\n {2}a1\n/,
  )
  assert.deepEqual(daemon.received.at(-1)?.data, { action: 'diff', checkpoint: 2, against: 3 })
  assert.equal((await ksi(['checkpoint', 'show', 'newest'])).code, 64)
})

test('a best-effort checkpoint exits with 0 in time: daemon hung, dead, refusing, or wrong command line', async () => {
  daemon.answers['dev:checkpoint'] = () => undefined
  const hook = ['checkpoint', 'create', '--reason', 'pre-stop', '--best-effort', '--timeout']
  const hanging = await ksi([...hook, '800ms'])
  assert.equal(hanging.code, 0)
  assert.match(hanging.stderr, /no checkpoint: no reply within 800 ms/)
  assert.ok(hanging.ms < 1_500, `${Math.round(hanging.ms)} ms of 800`)
  assert.ok(hanging.ms > 400, 'it did wait')
  daemon.answers['dev:checkpoint'] = () => ({ status: 'error', error: 'no room', code: 'KSI_DISK_FULL' })
  const refused = await ksi([...hook, '5s'])
  assert.deepEqual([refused.code, refused.stderr], [0, 'ksi: no checkpoint: no room\n'])
  const wrong = await ksi([...hook, 'never'])
  assert.equal(wrong.code, 0)
  assert.match(wrong.stderr, /no length of time/)
  await daemon.stop()
  const dead = await ksi([...hook, '5s'])
  assert.equal(dead.code, 0)
  assert.match(dead.stderr, /no checkpoint: No ksi answers/)
})

test('a best-effort checkpoint keeps its limit also when the connection is lost and nobody comes back', async () => {
  daemon.answers['dev:checkpoint'] = () => void daemon.stop()
  const { code, ms } = await ksi(['checkpoint', 'create', '--best-effort', '--timeout', '800ms'])
  assert.equal(code, 0)
  assert.ok(ms < 1_500, `${Math.round(ms)} ms of 800`)
})

test('losses are said by status, health and losses until they are acknowledged', async () => {
  const loss = { at: 0, message: 'Requests gone without a trace: 3.', requests: 3, failed: 1 }
  let losses = [loss]
  daemon.answers['system:health'] = () => sampleHealth({ losses: losses.length })
  daemon.answers['supervisor:status'] = () => sampleStatus({ losses })
  daemon.answers['dev:losses'] = ({ action }) => {
    const told = losses
    if (action === 'acknowledge') losses = []
    return { losses: told, acknowledged: action === 'acknowledge' }
  }
  const [status, health, list] = [await ksi(['status']), await ksi(['health']), await ksi(['losses'])]
  assert.deepEqual([status.code, health.code, list.code], [1, 0, 1])
  for (const { stdout } of [status, list])
    assert.match(stdout, /Requests gone without a trace: 3\.[^]*ksi losses acknowledge/)
  assert.match(health.stdout, /^healthy.*something of the journal was lost: ksi losses\n$/)
  assert.equal((await ksi(['losses', 'forget'])).code, 64)
  assert.equal((await ksi(['losses', 'acknowledge'])).code, 0)
  assert.equal((await ksi(['losses'])).stdout, 'Nothing was lost that is not acknowledged.\n')
  assert.equal((await ksi(['status'])).code, 0)
})
