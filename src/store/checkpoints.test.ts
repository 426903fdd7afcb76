import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Journal } from './journal.ts'
import type { ModuleState } from './module-states.ts'
import { databaseOf } from './testing/sound.ts'
import { TempJournal, TestQueue } from './testing/temp-journal.ts'

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
  const queues = journal.checkpoints.show(id)?.session_queues ?? {}
  return Object.fromEntries(
    Object.entries(queues).map(([name, queue]) => [name, queue.map(({ request_id }) => request_id)]),
  )
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
  const content = journal.checkpoints.show(first)
  assert.deepEqual(Object.keys(content?.active_operations ?? {}), ['a4'])
  assert.deepEqual(content?.session_queues.a?.[0]?.data, { prompt: 'a1' })
  const second = cut(journal)
  assert.deepEqual(queuesOf(journal), { a: ['a4', 'a2', 'a3', 'a5'], c: ['c1'] })
  const counts = journal.checkpoints.list(10).map(({ id, queued, active, sessions }) => [id, queued, active, sessions])
  assert.deepEqual(counts, [
    [second, 5, 0, 2],
    [first, 4, 1, 2],
  ])
})

test('the ids of two checkpoints tell what came, began, ended and went back between them', () => {
  using temp = new TempJournal()
  const journal = temp.open()
  const queue = new TestQueue(journal)
  for (const [id, conversation] of [
    ['runs', 'a'],
    ['waits', 'a'],
    ['next', 'b'],
    ['again', 'c'],
  ] as const)
    queue.accept(id, conversation)
  queue.start('runs')
  queue.start('again')
  const first = cut(journal)
  queue.finish('runs', 'failed')
  queue.start('next')
  queue.requeue('again', null)
  queue.accept('new', 'd')
  const second = cut(journal)
  assert.deepEqual(journal.checkpoints.ids(first), {
    queued: new Set(['waits', 'next']),
    active: new Set(['runs', 'again']),
  })
  assert.deepEqual(journal.checkpoints.ids(second), {
    queued: new Set(['again', 'waits', 'new']),
    active: new Set(['next']),
  })
  assert.equal(journal.checkpoints.ids(99), undefined)
  assert.equal(journal.checkpoints.show(99), undefined)
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

test('what a checkpoint shows is bounded, and says so', () => {
  using temp = new TempJournal()
  const journal = temp.open()
  const queue = new TestQueue(journal)
  for (let i = 0; i < 10; i++) queue.accept(`r${i}`, 'a', 'ASYNC', { prompt: 'x'.repeat(1_000_000) })
  cut(journal)
  const content = journal.checkpoints.show()
  assert.equal(content?.truncated, true)
  assert.equal(content.session_queues.a?.length, 8)
  assert.equal(content.queued, 10)
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
