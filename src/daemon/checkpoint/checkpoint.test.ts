import assert from 'node:assert/strict'
import { test } from 'node:test'
import { registerCheckpoints } from './checkpoint.ts'
import type { Core } from '../core.ts'
import { registerRestore } from './restore.ts'
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
