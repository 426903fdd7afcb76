import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, test } from 'node:test'
import { FakeDaemon } from '../../client/testing/fake-daemon.ts'
import type { CheckpointContent } from '../../contracts/checkpoint.ts'
import type { RestorePlan } from '../../contracts/events/dev.ts'
import { runKsi } from '../testing/run-ksi.ts'

const dir = mkdtempSync(join(tmpdir(), 'ksi-cli-'))
const path = join(dir, 'daemon.sock')
const daemon = new FakeDaemon({ path })
const ksi = (args: string[]): ReturnType<typeof runKsi> => runKsi([...args, '--socket', path])

before(() => daemon.start())
after(async () => {
  await daemon.stop()
  rmSync(dir, { recursive: true, force: true })
})
afterEach(() => {
  daemon.received.length = 0
})

test('checkpoint restore says what it would do, asks, and does it', async () => {
  const plan: RestorePlan = {
    checkpoint: 4,
    taken: null,
    stays: 5,
    brought_back: 1,
    queued_again: 1,
    completed: 2,
    requests: [
      { request_id: 'q1', becomes: 'brought_back', as: 'q1' },
      { request_id: 'q2', becomes: 'queued_again', as: 'q2.restored-4' },
    ],
  }
  daemon.answers['dev:restore'] = ({ dry_run }) => ({
    status: dry_run === true ? 'dry_run' : 'restored',
    checkpoint_time: '2026-01-01T00:00:00Z',
    completion_results: { restored_sessions: 1, restored_requests: 2, failed_requests: 0, lost_processing: [] },
    context_results: { modules: [] },
    plan: { ...plan, taken: dry_run === true ? null : 9 },
  })
  const dry = await ksi(['checkpoint', 'restore', '4', '--dry-run', '--replay', '--conversation', 'c'])
  assert.match(dry.stdout, /^Of checkpoint 4: 1 would be brought back, 1 would be queued again; 5 stay .*, 2 were comp/)
  assert.match(dry.stdout, /\n {2}q1 +under its id\n {2}q2 +as q2\.restored-4\n$/)
  const asked = { checkpoint: 4, replay: true, conversation: 'c', dry_run: true }
  assert.deepEqual(daemon.received.at(-1)?.data, asked)
  const unasked = await ksi(['checkpoint', 'restore', '4'])
  assert.equal(unasked.code, 64)
  assert.match(unasked.stderr, /Restore 2 requests of checkpoint 4\? Say so with --yes/)
  assert.deepEqual(daemon.received.at(-1)?.data, { checkpoint: 4, replay: false, dry_run: true })
  const done = await ksi(['checkpoint', 'restore', '4', '--yes'])
  assert.equal(done.code, 0)
  assert.match(done.stdout, /^Of checkpoint 4: 1 are brought back.*\n.*\n.*\nBefore that, checkpoint 9 was taken\.\n$/)
  assert.deepEqual(daemon.received.at(-1)?.data, { checkpoint: 4, replay: false })
  assert.equal((await ksi(['checkpoint', 'restore'])).code, 64)
  assert.match((await ksi(['checkpoint', 'list', '--replay'])).stderr, /--replay is for restore, not for list/)
})

test('checkpoint clear and remove-request ask before they do it', async () => {
  daemon.answers['dev:checkpoint'] = ({ action, request_id = '' }) =>
    action === 'remove_request'
      ? { status: 'removed', request_id }
      : { status: 'cleared', filter: 'all', removed_count: 3, remaining_count: 4 }
  for (const words of [['clear'], ['clear', '--all'], ['remove-request', 'r']])
    assert.match((await ksi(['checkpoint', ...words])).stderr, /\? Say so with --yes/)
  assert.equal(daemon.received.length, 0)
  assert.equal((await ksi(['checkpoint', 'clear', '--yes'])).stdout, '3 requests removed, 4 are left.\n')
  assert.deepEqual(daemon.received.at(-1)?.data, { action: 'clear_failed' })
  await ksi(['checkpoint', 'clear', '--all', '--yes'])
  assert.deepEqual(daemon.received.at(-1)?.data, { action: 'clear_all' })
  assert.equal((await ksi(['checkpoint', 'remove-request', 'r', '--yes'])).stdout, 'Request r is removed.\n')
  assert.equal((await ksi(['checkpoint', 'remove-request', '--yes'])).code, 64)
})

test('checkpoint export prints a line for the checkpoint and one for each request, page after page', async () => {
  const content: CheckpointContent = {
    id: 3,
    tick: 9,
    at: '2026-01-01T00:00:00Z',
    reason: 'reload',
    generation: 2,
    queued: 1,
    active: 1,
    sessions: 1,
    files: [],
    restored_at: null,
    restored_by: null,
    module_failures: [],
    session_queues: { s1: [{ request_id: 'q1', status: 'queued', data: { prompt: 'one' } }] },
    active_operations: {
      a1: { status: 'processing', session_id: 's1', conversation: 's1', started_at: null, client_info: null },
    },
    services: {},
    truncated: false,
    next: null,
  }
  const pages = [{ ...content, truncated: true, next: 7 }, content]
  daemon.answers['dev:checkpoint'] = () => pages.shift()
  const lines = (await ksi(['checkpoint', 'export', '3'])).stdout.trimEnd().split('\n')
  const told = lines.map((line) => JSON.parse(line) as Record<string, unknown>)
  assert.deepEqual(
    told.map(({ id, request_id, status, session_id }) => [id ?? request_id, status, session_id]),
    [
      [3, undefined, undefined],
      ['a1', 'processing', 's1'],
      ['q1', 'queued', 's1'],
      ['q1', 'queued', 's1'],
    ],
  )
  assert.deepEqual(daemon.received.at(-1)?.data, { action: 'show', checkpoint: 3, after: 7 })
})
