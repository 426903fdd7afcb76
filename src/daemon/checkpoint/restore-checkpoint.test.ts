import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EventReply } from '../../contracts/events.ts'
import type { FinalState } from '../../contracts/words.ts'
import type { Core } from '../core.ts'
import { TestRoot, accept, begin } from '../testing/test-core.ts'
import { registerCheckpoints, takeCheckpoint } from './checkpoint.ts'
import { registerRestore } from './restore.ts'

type Data = Record<string, unknown>
type Reply = EventReply<'dev:restore'>

/** As a line of a client is run: in a transaction, as far as it is not asynchronous. */
async function emit(core: Core, event: string, data: Data): Promise<unknown> {
  let results: unknown
  core.journal.tx(() => void (results = core.router.emit(event, data)))
  return ((await results) as unknown[])[0]
}

async function restore(core: Core, data: Data): Promise<Reply> {
  const asked = { replay: false, dry_run: false, ...data }
  return (await emit(core, 'dev:restore', asked)) as Reply
}

async function clear(core: Core): Promise<void> {
  core.journal.tx(() => core.journal.cursors.set('responses', 1_000_000))
  await emit(core, 'dev:checkpoint', { action: 'clear_all' })
}

function end(core: Core, request_id: string, state: FinalState, reason: string = state): void {
  core.journal.tx(() => {
    const tick = core.journal.emitAny('test:end', { request_id }, request_id)
    core.requests.finish(request_id, { state, now: 1, tick, outcome: { reason } })
  })
}

function ready(root: TestRoot): Core {
  const core = root.core()
  const completion = root.completion(core)
  registerCheckpoints(core, { remove: (id) => completion.cancel(id, 'removed') })
  registerRestore(core, completion, false)
  return core
}

const states = (core: Core, ids: string[]): (string | undefined)[] => ids.map((id) => core.requests.get(id)?.state)
const counts = ({ plan }: Reply): unknown => [plan?.stays, plan?.completed, plan?.brought_back, plan?.queued_again]

test('restoring a checkpoint queues again what was lost since, once, and leaves the rest where it is', async () => {
  using root = new TestRoot()
  const core = ready(root)
  const ids = ['waits', 'failed', 'cancelled', 'removed', 'done', 'ran']
  for (const id of ids) accept(core, { request_id: id, session_id: id, prompt: `say ${id}` })
  begin(core, 'ran')
  const { id: checkpoint, at } = core.journal.tx(() => takeCheckpoint(core, 'manual'))
  end(core, 'failed', 'failed')
  end(core, 'cancelled', 'cancelled')
  await emit(core, 'dev:checkpoint', { action: 'remove_request', request_id: 'removed' })
  begin(core, 'done')
  end(core, 'done', 'completed')
  end(core, 'ran', 'failed', 'daemon_restart')
  accept(core, { request_id: 'later', session_id: 'later' })
  const dry = await restore(core, { checkpoint, dry_run: true })
  assert.deepEqual([dry.status, dry.plan?.taken, counts(dry)], ['dry_run', null, [1, 1, 1, 3]])
  assert.deepEqual(states(core, ['removed', 'failed']), ['cancelled', 'failed'])
  const reply = await restore(core, { checkpoint })
  assert.deepEqual([reply.status, Date.parse(reply.checkpoint_time), counts(reply)], ['restored', at, [1, 1, 1, 3]])
  assert.equal(reply.plan?.taken, checkpoint + 1)
  assert.equal(core.journal.checkpoints.head()?.reason, 'restore')
  assert.deepEqual(
    reply.completion_results.lost_processing.map(({ request_id, reason }) => [request_id, reason]),
    [['ran', 'daemon_restart']],
  )
  assert.deepEqual([reply.completion_results.restored_requests, reply.completion_results.restored_sessions], [4, 4])
  const again = ['failed', 'cancelled', 'ran'].map((id) => `${id}.restored-${checkpoint}`)
  assert.deepEqual(
    states(core, ['waits', 'removed', 'later', ...again]),
    Array.from({ length: 6 }, () => 'queued'),
  )
  assert.deepEqual(states(core, ['failed', 'cancelled', 'ran', 'done']), ['failed', 'cancelled', 'failed', 'completed'])
  const row = core.requests.get(again[0] ?? '')
  assert.deepEqual([core.requests.retryOf(row?.id ?? 0), row?.conversation], ['failed', 'failed'])
  assert.equal(core.requests.payload('removed')?.prompt, 'say removed')
  assert.deepEqual(counts(await restore(core, { checkpoint })), [5, 1, 0, 0])
  const first = core.journal.checkpoints.head(checkpoint)
  assert.equal([...core.journal.checkpoints.cut(first?.tick ?? 0)].flat().length, 6, 'it shows what it showed')
})

test('what was cleared comes back under its id: to the queue, or as what it had come to', async () => {
  using root = new TestRoot()
  const core = ready(root)
  for (const id of ['failed', 'done']) accept(core, { request_id: id, session_id: id })
  const { id: checkpoint } = core.journal.tx(() => takeCheckpoint(core, 'manual'))
  end(core, 'failed', 'failed')
  begin(core, 'done')
  end(core, 'done', 'completed')
  await clear(core)
  assert.deepEqual(states(core, ['failed', 'done']), [undefined, undefined])
  assert.deepEqual(counts(await restore(core, { checkpoint })), [0, 0, 2, 0])
  assert.deepEqual(states(core, ['failed', 'done']), ['queued', 'completed'])
  const { plan } = await restore(core, { checkpoint, replay: true })
  assert.deepEqual(plan?.requests, [{ request_id: 'done', becomes: 'queued_again', as: `done.restored-${checkpoint}` }])
  end(core, `done.restored-${checkpoint}`, 'cancelled')
  end(core, 'failed', 'failed')
  await clear(core)
  const replayed = await restore(core, { checkpoint, replay: true })
  assert.deepEqual(counts(replayed), [0, 0, 2, 0])
  assert.deepEqual(states(core, ['failed', 'done']), ['queued', 'queued'])
})

test('a restore may be for one conversation, and names what it cannot queue', async () => {
  using root = new TestRoot()
  const core = root.core({ KSI_MAX_QUEUED: '3' })
  registerRestore(core, root.completion(core), false)
  for (const id of ['a', 'b', 'c']) accept(core, { request_id: id, session_id: id })
  const { id: checkpoint } = core.journal.tx(() => takeCheckpoint(core, 'manual'))
  for (const id of ['a', 'b', 'c']) end(core, id, 'failed')
  const one = await restore(core, { checkpoint, conversation: 'b' })
  assert.deepEqual(counts(one), [0, 0, 0, 1])
  accept(core, { request_id: 'd', session_id: 'd' })
  const full = await restore(core, { checkpoint })
  assert.deepEqual([counts(full), full.completion_results.failed_requests], [[1, 0, 0, 1], 1])
  const refused = full.plan?.requests.find(({ becomes }) => becomes === 'refused')
  assert.match(refused?.error ?? '', /queue is full/)
  await assert.rejects(restore(core, { checkpoint: 99 }), { code: 'KSI_NOT_FOUND' })
})

test('a restore without a checkpoint names what was lost', async () => {
  using root = new TestRoot()
  const core = ready(root)
  accept(core, { request_id: 'runs', session_id: 's' })
  begin(core, 'runs', 'gone')
  const { completion_results, context_results, plan } = await restore(core, {})
  const [lost] = completion_results.lost_processing
  assert.deepEqual(
    [lost?.request_id, lost?.session_id, lost?.status, lost?.reason],
    ['runs', 's', 'failed', 'daemon_restart'],
  )
  assert.match(lost?.started_at ?? '', /^\d{4}-/)
  assert.deepEqual([completion_results.report?.lost, context_results, plan], [1, { modules: [] }, undefined])
})
