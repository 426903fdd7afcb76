import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, test } from 'node:test'
import { FakeDaemon } from '../client/testing/fake-daemon.ts'
import { sampleAcknowledgement, sampleHealth, sampleRequest } from '../client/testing/samples.ts'
import { commandTable } from './command-table.ts'
import { runKsi } from './testing/run-ksi.ts'
import type { Ended } from './testing/run-ksi.ts'
import { sampleCompletionStatus } from './testing/samples.ts'

let dir: string
let daemon: FakeDaemon

before(() => {
  dir = mkdtempSync(join(tmpdir(), 'ksi-cli-'))
})
after(() => rmSync(dir, { recursive: true, force: true }))
beforeEach(async () => {
  daemon = await new FakeDaemon({ path: join(dir, 'daemon.sock') }).start()
})
afterEach(() => daemon.stop())

const ksi = (...args: string[]): Promise<Ended> => runKsi([...args, '--socket', join(dir, 'daemon.sock')])

test('request shows, cancels and repeats one, by its id', async () => {
  daemon.answers['completion:status'] = ({ request_id }) =>
    sampleRequest({
      request_id: request_id ?? '',
      status: 'failed',
      reason: 'provider_error',
      message: 'overloaded',
      retry_of: 'older',
      queued_at: '2026-01-01T00:00:00Z',
    })
  const shown = await ksi('request', 'show', 'r9', '--utc')
  assert.equal(shown.code, 0)
  assert.match(shown.stdout, /^Request r9\n {2}status +failed\n {2}reason +provider_error\n {2}message +overloaded\n/)
  assert.match(shown.stdout, /queued +2026-01-01 00:00:00Z\n[^]*repeats +older\n/)
  assert.equal(JSON.parse((await ksi('request', 'show', 'r9', '--json')).stdout).retry_of, 'older')
  daemon.answers['completion:cancel'] = ({ request_id }) => ({ request_id, status: 'cancelled' })
  assert.equal((await ksi('request', 'cancel', 'r9')).stdout, 'Request r9 is cancelled.\n')
  daemon.answers['completion:retry'] = ({ request_id, as }) => ({
    ...sampleAcknowledgement({ request_id: as ?? 'new' }),
    retry_of: request_id,
  })
  assert.equal((await ksi('request', 'retry', 'r9', '--as', 'r10')).stdout, 'Request r9 is queued again as r10.\n')
  assert.deepEqual(daemon.receivedOf('completion:retry')[0]?.data, { request_id: 'r9', as: 'r10' })
  daemon.answers['completion:cancel'] = () => ({
    status: 'error',
    error: 'Unknown request_id: x',
    code: 'KSI_NOT_FOUND',
  })
  const unknown = await ksi('request', 'cancel', 'x')
  assert.deepEqual([unknown.code, unknown.stderr], [1, 'ksi: Unknown request_id: x\n'])
  for (const [args, said] of [
    [['request'], /show\|cancel\|retry/],
    [['request', 'retyr', 'x'], /Did you mean "retry"\?/],
    [['request', 'show'], /Say which request/],
    [['request', 'show', 'a', 'b'], /"b"/],
    [['request', 'cancel', 'a', '--as', 'b'], /--as is for retry/],
  ] as const) {
    const { code, stderr } = await ksi(...args)
    assert.equal(code, 64)
    assert.match(stderr, said)
  }
})

test('sessions lists what waits and runs, and one with its requests', async () => {
  const idle = sampleCompletionStatus()
  daemon.answers['completion:status'] = () => idle
  assert.match((await ksi('sessions')).stderr, /No session has anything queued or running/)
  const queue = { queue_size: 2, is_active: true, running: 'r1', conversation: 'c1', next_try_at: null }
  daemon.answers['completion:status'] = () => ({ ...idle, queues: { ...idle.queues, sessions: { s1: queue } } })
  assert.match((await ksi('sessions')).stdout, /^SESSION +QUEUED +RUNNING +NEXT TRY\ns1 +2 +r1 +-\n$/)
  assert.equal(JSON.parse((await ksi('sessions', '--json')).stdout).sessions.s1.queue_size, 2)
  daemon.answers['completion:session_status'] = ({ session_id }) => ({
    session_id,
    conversation: session_id === 's1' ? 'c1' : null,
    completions: [sampleRequest({ request_id: 'r1', status: 'processing' })],
    queue: { exists: true, session_id, queue_size: 1, is_active: true, is_empty: false },
    session: {
      exists: true,
      session_id,
      agent_id: null,
      last_activity: null,
      request_count: 1,
      is_locked: true,
      lock_holder: 'r1',
      lock_expiry: null,
    },
  })
  const one = await ksi('sessions', 's1')
  assert.match(one.stdout, /^Session s1, conversation c1: 1 request queued, r1 running\n {2}r1 +processing +\d{4}-/)
  assert.deepEqual([(await ksi('sessions', 'none')).code], [1])
})

test('version tells those of the command, of Node and of the daemon', async () => {
  daemon.answers['system:health'] = () => sampleHealth({ daemon_version: '9.9.9' })
  assert.match((await ksi('version')).stdout, /ksi +\d+\.\d+\.\d+\nnode +v\d+[^]*daemon +9\.9\.9\n$/)
  await daemon.stop()
  assert.equal(JSON.parse((await ksi('version', '--json')).stdout).daemon, null)
})

test('completion knows every command with its options, in bash and zsh', async (t) => {
  const script = (await ksi('completion', 'bash')).stdout
  for (const name of Object.keys(commandTable)) assert.match(script, new RegExp(`^ {4}${name}\\) `, 'm'))
  const file = join(dir, 'completion.bash')
  writeFileSync(file, script)
  const complete = (...words: string[]): string[] => {
    const line = `COMP_WORDS=(ksi ${words.join(' ')} ''); COMP_CWORD=${words.length + 1}`
    const asked = `source '${file}'; ${line}; _ksi; echo "\${COMPREPLY[*]}"`
    return execFileSync('bash', ['-c', asked]).toString().trim().split(' ')
  }
  assert.ok(Object.keys(commandTable).every((name) => complete().includes(name)))
  assert.ok(complete('stop').includes('--discard') && complete('stop').includes('--json'))
  assert.ok(complete('request').includes('retry'))
  const zsh = (await ksi('completion', 'zsh')).stdout
  assert.match(zsh, /^#compdef ksi\n/)
  assert.match(zsh, /'stop:Take a checkpoint and end'/)
  try {
    execFileSync('zsh', ['-n'], { input: zsh })
  } catch (error) {
    if ((error as { code?: string }).code !== 'ENOENT') throw error
    t.diagnostic('no zsh here: its script was not read by one')
  }
  assert.equal((await ksi('completion', 'fish')).code, 64)
})
