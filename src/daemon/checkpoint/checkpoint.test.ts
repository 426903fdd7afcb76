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

type Data = Record<string, unknown>

/** As a line of a client is run: in a transaction, as far as it is not asynchronous. */
async function act(core: Core, action: string, data: Data = {}): Promise<Data> {
  let results: unknown
  core.journal.tx(() => void (results = core.router.emit('dev:checkpoint', { action, reason: 'manual', ...data })))
  return ((await results) as Data[])[0] ?? {}
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

test('the actions list, show, compare and clear', async () => {
  using root = new TestRoot()
  const core = root.core()
  const completion = root.completion(core)
  registerCheckpoints(core, { remove: (id) => completion.cancel(id, 'removed') })
  assert.deepEqual(await act(core, 'status'), { status: 'no_checkpoint' })
  await assert.rejects(act(core, 'show'), { code: 'KSI_NOT_FOUND' })
  for (const id of ['a', 'b']) accept(core, { request_id: id, session_id: 's' })
  assert.equal((await act(core, 'create')).queued_requests, 2)
  assert.deepEqual(await act(core, 'remove_request', { request_id: 'a' }), { status: 'removed', request_id: 'a' })
  assert.equal(core.requests.outcome('a')?.reason, 'removed')
  begin(core, 'b')
  accept(core, { request_id: 'c', session_id: 's' })
  await act(core, 'create')
  assert.deepEqual(await act(core, 'diff', { checkpoint: 1 }), {
    checkpoint: 1,
    against: 2,
    added: ['c'],
    finished: ['a'],
    started: ['b'],
    queued_again: [],
    counts: { added: 1, finished: 1, started: 1, queued_again: 0 },
  })
  assert.deepEqual((await act(core, 'diff', { checkpoint: 2, against: 1 })).added, ['a'])
  const { requests, count, next } = (await act(core, 'list_requests', { checkpoint: 1 })) as {
    requests: Data[]
    count: number
    next: number | null
  }
  assert.deepEqual(
    [next, count, requests.map(({ request_id, status, status_now }) => [request_id, status, status_now])],
    [
      null,
      2,
      [
        ['a', 'queued', 'cancelled'],
        ['b', 'queued', 'processing'],
      ],
    ],
  )
  assert.deepEqual(await act(core, 'clear_failed'), {
    status: 'cleared',
    filter: 'failed',
    removed_count: 0,
    remaining_count: 3,
  })
  const all = { status: 'cleared', filter: 'all', removed_count: 1, remaining_count: 2 }
  assert.deepEqual(await act(core, 'clear_all'), all)
  assert.deepEqual((await act(core, 'show', { checkpoint: 1 })).queued, 2)
  assert.deepEqual((await act(core, 'list_requests', { checkpoint: 1 })).count, 2)
  await assert.rejects(act(core, 'diff'), { code: 'KSI_BAD_REQUEST' })
  await assert.rejects(act(core, 'show', { checkpoint: 77 }), { code: 'KSI_NOT_FOUND', message: /no checkpoint 77/ })
})

test('what was queued again between two checkpoints is told', async () => {
  using root = new TestRoot()
  const core = root.core()
  registerCheckpoints(core, { remove: () => {} })
  for (const id of ['runs', 'waits']) accept(core, { request_id: id, session_id: id })
  begin(core, 'runs')
  await act(core, 'create')
  core.journal.tx(() => core.requests.requeue('runs', { notBefore: null, uncounted: true, now: 1, run: 'never began' }))
  await act(core, 'create')
  const { counts, queued_again } = await act(core, 'diff', { checkpoint: 1, against: 2 })
  assert.deepEqual([counts, queued_again], [{ added: 0, finished: 0, started: 0, queued_again: 1 }, ['runs']])
})

test('what a reply cannot hold is in the next one', async () => {
  using root = new TestRoot()
  const core = root.core()
  registerCheckpoints(core, { remove: () => {} })
  const prompt = 'x'.repeat(1_000_000)
  for (let i = 0; i < 10; i++) accept(core, { request_id: `r${i}`, session_id: 's', prompt })
  await act(core, 'create')
  const ids = (content: Data): string[] =>
    (content.session_queues as Record<string, { request_id: string }[]>).s?.map(({ request_id }) => request_id) ?? []
  const first = await act(core, 'show')
  assert.deepEqual([first.truncated, first.queued, ids(first).length], [true, 10, 8])
  const second = await act(core, 'show', { after: first.next })
  assert.deepEqual([second.truncated, second.next, ids(second)], [false, null, ['r8', 'r9']])
  const list = await act(core, 'list_requests', { after: first.next })
  assert.deepEqual([list.count, list.next], [2, null])
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
