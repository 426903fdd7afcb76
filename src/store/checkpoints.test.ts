import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Journal } from './journal.ts'
import type { ModuleState } from './module-states.ts'
import { databaseOf } from './testing/sound.ts'
import { TempJournal, TestQueue, countRequests } from './testing/temp-journal.ts'

function cut(journal: Journal, states: ModuleState[] = []): number {
  return journal.tx(() => {
    const tick = journal.emitAny('checkpoint:saved', {})
    return journal.checkpoints.insert({
      tick,
      at: tick,
      reason: 'manual',
      generation: journal.epoch,
      files: ['a.ts'],
      states,
    }).id
  })
}

function queuesOf(journal: Journal, id?: number): Record<string, string[]> {
  const head = journal.checkpoints.head(id)
  const queues: Record<string, string[]> = {}
  const shown = [...journal.checkpoints.cut(head?.tick ?? 0)].flat().sort((a, b) => a.rank - b.rank || a.id - b.id)
  for (const { session, request_id } of shown)
    if (!Object.hasOwn(head?.active_operations ?? {}, request_id)) (queues[session] ??= []).push(request_id)
  return queues
}

test('a checkpoint shows the queues as they were, whatever was added, started, finished or queued again since', () => {
  using temp = new TempJournal()
  const journal = temp.open()
  const queue = new TestQueue(journal)
  for (const id of ['a1', 'a2', 'a3']) queue.accept(id, 'a')
  queue.accept('b1', 'b')
  queue.accept('a4', 'a', 'INJECT')
  queue.start('a4')
  const first = cut(journal)
  const asItWas = { a: ['a1', 'a2', 'a3'], b: ['b1'] }
  assert.deepEqual(queuesOf(journal, first), asItWas)
  queue.requeue('a4', null)
  queue.finish('a1', 'cancelled')
  queue.start('b1')
  queue.finish('b1', 'completed')
  queue.accept('a5', 'a')
  queue.accept('c1', 'c')
  assert.deepEqual(queuesOf(journal, first), asItWas)
  const head = journal.checkpoints.head(first)
  assert.deepEqual(Object.keys(head?.active_operations ?? {}), ['a4'])
  const [a1] = [...journal.checkpoints.cut(head?.tick ?? 0)].flat()
  assert.equal(a1?.data, '{"prompt":"a1"}')
  const second = cut(journal)
  assert.deepEqual(queuesOf(journal), { a: ['a4', 'a2', 'a3', 'a5'], c: ['c1'] })
  const counts = journal.checkpoints.list(10).map(({ id, queued, active, sessions }) => [id, queued, active, sessions])
  assert.deepEqual(counts, [
    [second, 5, 0, 2],
    [first, 4, 1, 2],
  ])
})

test('what a checkpoint shows never changes: sessions, starts, order, and what was removed since', () => {
  using temp = new TempJournal()
  const journal = temp.open()
  const queue = new TestQueue(journal)
  const end = (id: string, sessionId: string): void =>
    journal.tx(() => {
      const tick = journal.emitAny('completion:result', {}, id)
      journal.requests.finish(id, { state: 'completed', now: 1, tick, outcome: {}, sessionId, provider: 'echo' })
    })
  for (const id of ['a1', 'a2', 'a3']) queue.accept(id, 'a')
  queue.start('a1')
  end('a1', 's1')
  queue.start('a2')
  queue.accept('b1', 'b')
  queue.accept('c1', 'c')
  const id = cut(journal)
  const look = (): unknown => [queuesOf(journal, id), journal.checkpoints.head(id)?.active_operations]
  const before = look()
  assert.deepEqual(queuesOf(journal, id), { s1: ['a3'], b: ['b1'], c: ['c1'] })
  queue.requeue('a2', null)
  queue.start('a2')
  end('a2', 's2')
  assert.deepEqual(look(), before)
  queue.start('b1')
  journal.tx(() => journal.conversations.forgetSession('a'))
  end('b1', 's9')
  cut(journal)
  queue.start('a3')
  end('a3', 's3')
  queue.finish('c1', 'failed')
  assert.deepEqual(look(), before)
  assert.deepEqual(queuesOf(journal), { a: ['a3'], c: ['c1'] })
  const all = { removed: 0, next: undefined }
  assert.deepEqual(
    journal.tx(() => journal.finished.clear('failed', 0, 100)),
    { ...all, removed: 1 },
  )
  journal.tx(() => journal.cursors.set('responses', 1_000))
  assert.deepEqual(
    journal.tx(() => journal.finished.clear('all', 0, 100)),
    { ...all, removed: 4 },
  )
  assert.equal(countRequests(journal), 0)
  assert.deepEqual(look(), before)
  assert.deepEqual(queuesOf(journal), { a: ['a3'], c: ['c1'] })
})

test('what no checkpoint shows any more is forgotten, a little at a time', () => {
  using temp = new TempJournal()
  const journal = temp.open()
  const queue = new TestQueue(journal)
  for (const id of ['a1', 'a2', 'a3']) queue.accept(id, 'a')
  const first = cut(journal)
  for (const id of ['a1', 'a2', 'a3']) queue.finish(id, 'failed')
  queue.accept('late', 'a')
  queue.finish('late', 'failed')
  journal.tx(() => journal.finished.clear('all', 0, 2))
  assert.equal(countRequests(journal), 2)
  journal.tx(() => journal.finished.clear('all', 0, 100))
  const kept = (): number => [...journal.checkpoints.cut(journal.checkpoints.head(first)?.tick ?? 0)].flat().length
  assert.equal(kept(), 3)
  assert.equal(
    journal.tx(() => journal.removed.trim(100)),
    0,
  )
  journal.tx(() => {
    for (let i = 0; i < 510; i++) cut(journal)
  })
  assert.equal(
    journal.tx(() => journal.removed.trim(2)),
    2,
  )
  assert.equal(
    journal.tx(() => journal.removed.trim(2)),
    1,
  )
  assert.equal(
    journal.tx(() => journal.removed.trim(2)),
    0,
  )
})

test('a finished request that was removed is brought back as it was', () => {
  using temp = new TempJournal()
  const journal = temp.open()
  const queue = new TestQueue(journal)
  const id = queue.accept('a1', 'a')
  cut(journal)
  queue.start('a1')
  queue.finish('a1', 'completed')
  const before = [journal.requests.get('a1')?.state, journal.requests.outcome('a1'), journal.requests.payload('a1')]
  journal.tx(() => journal.finished.clear('all', 0, 10))
  assert.equal(journal.requests.get('a1'), undefined)
  const row = journal.removed.get(id)
  assert.deepEqual([row?.request_id, row?.event, row?.priority], ['a1', 'completion:async', 'ASYNC'])
  journal.tx(() => journal.removed.bringBack(id))
  assert.deepEqual(
    [journal.requests.get('a1')?.state, journal.requests.outcome('a1'), journal.requests.payload('a1')],
    before,
  )
  assert.deepEqual([journal.requests.total('completed'), journal.requests.get('a1')?.finished_tick], [1, id + 3])
})

test('only the newest checkpoint is restored, and only once', () => {
  using temp = new TempJournal()
  const journal = temp.open()
  assert.equal(journal.checkpoints.markRestored({ generation: 1, at: 1 }), undefined)
  cut(journal, [{ module: 'notes', version: 1, state: 'old' }])
  const state = { module: 'notes', version: 2, state: { of: 'a module' } }
  const newest = cut(journal, [state])
  assert.equal(journal.checkpoints.markRestored({ generation: 7, at: 1_000 }), newest)
  assert.deepEqual(journal.moduleStates.of(newest), [state])
  assert.equal(journal.checkpoints.markRestored({ generation: 8, at: 2_000 }), undefined)
  const [row, older] = journal.checkpoints.list(2)
  assert.deepEqual([row?.restored_by, row?.restored_at, older?.restored_at], [7, '1970-01-01T00:00:01.000Z', null])
})

test('the oldest checkpoints go when there are more than 500', () => {
  using temp = new TempJournal()
  const journal = temp.open()
  journal.tx(() => {
    for (let i = 0; i < 510; i++) cut(journal)
  })
  const ids = journal.checkpoints.list(1_000).map(({ id }) => id)
  assert.deepEqual([ids.length, ids[0], ids.at(-1)], [500, 510, 11])
})

test('a state that cannot be read any more hides no older one, and no checkpoint', () => {
  using temp = new TempJournal()
  const journal = temp.open()
  const state = (n: number): ModuleState => ({ module: 'notes', version: n, state: { n } })
  const [first, second] = [cut(journal, [state(1)]), cut(journal, [state(2), { module: 'b', version: 1, state: 'b' }])]
  databaseOf(journal).exec('UPDATE module_states SET state = substr(state, 2) WHERE version = 2')
  const garbled: number[] = []
  const newest = journal.moduleStates.newest('notes', (checkpoint) => garbled.push(checkpoint))
  assert.deepEqual([newest, garbled], [{ ...state(1), checkpoint: first }, [second]])
  assert.deepEqual(journal.moduleStates.of(second), [{ module: 'b', version: 1, state: 'b' }])
  databaseOf(journal).exec("UPDATE module_states SET state = substr(state, 2) WHERE module = 'notes'")
  assert.equal(journal.moduleStates.newest('notes'), undefined)
  databaseOf(journal).exec('DELETE FROM module_states')
})

test("a module's newest state stays when its checkpoint goes, and only that", () => {
  using temp = new TempJournal()
  const journal = temp.open()
  const state = (n: number): ModuleState => ({ module: 'notes', version: n, state: { n } })
  const first = cut(journal, [state(1), { module: 'once', version: 1, state: null }])
  const second = cut(journal, [state(2)])
  journal.tx(() => {
    for (let i = 0; i < 510; i++) cut(journal)
  })
  assert.deepEqual(journal.moduleStates.newest('notes'), { ...state(2), checkpoint: second })
  assert.deepEqual(journal.moduleStates.newest('once')?.checkpoint, first)
  assert.deepEqual(journal.moduleStates.of(first), [{ module: 'once', version: 1, state: null }])
  assert.equal(journal.moduleStates.newest('unknown'), undefined)
  assert.throws(() => journal.tx(() => journal.moduleStates.put(first, { ...state(1), state: undefined })), TypeError)
})
