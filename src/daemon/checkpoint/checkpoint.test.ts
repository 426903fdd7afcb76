import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { registerCheckpoints } from './checkpoint.ts'
import type { Core } from '../core.ts'
import { registerRestore } from './restore.ts'
import { writeOldJournal } from '../../store/testing/old-journal.ts'
import { readSettings } from '../../contracts/settings.ts'
import { TestRoot, accept, begin } from '../testing/test-core.ts'

function act(core: Core, action: string, data: Record<string, unknown> = {}): Record<string, unknown> {
  return core.journal.tx(
    () =>
      (core.router.emit('dev:checkpoint', { action, reason: 'manual', ...data }) as Record<string, unknown>[])[0] ?? {},
  )
}

test('after a crash the cut is taken at the restore, of what the dead generation left', async () => {
  using root = new TestRoot()
  const dead = root.core()
  accept(dead, { request_id: 'waits', session_id: 's' })
  accept(dead, { request_id: 'runs', session_id: 't' })
  begin(dead, 'runs')
  const core = root.core()
  const result = registerRestore(core, root.completion(core), true)
  await core.router.emitInOrder('system:startup', { generation: core.generation })
  const [row] = core.journal.checkpoints.list(1)
  assert.deepEqual([row?.reason, row?.queued, row?.active, row?.restored_by], ['crash-recovery', 1, 1, core.generation])
  assert.deepEqual([result.report?.queued, result.report?.lost], [1, 1])
})

test('the actions list, show, compare and clear', () => {
  using root = new TestRoot()
  const core = root.core()
  const completion = root.completion(core)
  registerCheckpoints(core, { cancel: (id) => completion.cancel(id) })
  assert.deepEqual(act(core, 'status'), { status: 'no_checkpoint' })
  assert.throws(() => act(core, 'show'), { code: 'KSI_NOT_FOUND' })
  for (const id of ['a', 'b']) accept(core, { request_id: id, session_id: 's' })
  assert.equal(act(core, 'create').queued_requests, 2)
  assert.deepEqual(act(core, 'remove_request', { request_id: 'a' }), { status: 'removed', request_id: 'a' })
  begin(core, 'b')
  accept(core, { request_id: 'c', session_id: 's' })
  act(core, 'create')
  assert.deepEqual(act(core, 'diff', { checkpoint: 1 }), {
    checkpoint: 1,
    against: 2,
    added: ['c'],
    finished: ['a'],
    started: ['b'],
    queued_again: [],
  })
  const { requests, count } = act(core, 'list_requests', { checkpoint: 1 }) as {
    requests: Record<string, unknown>[]
    count: number
  }
  assert.deepEqual(
    [count, requests.map(({ request_id, status, status_now }) => [request_id, status, status_now])],
    [
      2,
      [
        ['a', 'queued', 'cancelled'],
        ['b', 'queued', 'processing'],
      ],
    ],
  )
  assert.deepEqual(act(core, 'clear_failed'), {
    status: 'cleared',
    filter: 'failed',
    removed_count: 0,
    remaining_count: 3,
  })
  assert.deepEqual(act(core, 'clear_all'), { status: 'cleared', filter: 'all', removed_count: 1, remaining_count: 2 })
  assert.throws(() => act(core, 'diff'), { code: 'KSI_BAD_REQUEST' })
  assert.throws(() => act(core, 'show', { checkpoint: 77 }), { code: 'KSI_NOT_FOUND', message: /no checkpoint 77/ })
})

test('a journal of 7f409d6 is restored: what ran is lost or free again, what is due told, queues go on', async () => {
  using root = new TestRoot()
  writeOldJournal(readSettings({ KSI_ROOT: root.dir, KSI_MODE: 'dev' }).paths.journal)
  const core = root.core()
  const completion = root.completion(core)
  const result = registerRestore(core, completion, true)
  await core.router.emitInOrder('system:startup', { generation: core.generation })
  const { report } = result
  assert.deepEqual([report?.queued, report?.lost, report?.adopted, report?.poisoned], [19, 3, 0, 0])
  assert.deepEqual(core.journal.runs.unfinished(), [])
  const heads = core.conversations.runnable(100)
  assert.ok(heads.includes('blocked'), 'the conversation of a run that was cancelled goes on')
  assert.ok(!heads.includes('retrying'), 'one that waits for another try does')
  assert.equal(core.requests.head('again')?.request_id, 'again', 'what was queued again is at the head')
  const lines = readFileSync(join(core.settings.paths.responses, 'due.jsonl'), 'utf8').split('\n')
  assert.equal(lines.length, 5)
  assert.ok(core.requests.head('blamed')?.crash_count === 1)
})
