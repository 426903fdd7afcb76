import assert from 'node:assert/strict'
import { test } from 'node:test'
import { databaseOf } from './testing/sound.ts'
import { TempJournal, TestQueue } from './testing/temp-journal.ts'

const claude = { model: 'claude-cli/sonnet' }

function open(temp: TempJournal, lanes: string[]): TestQueue {
  const queue = new TestQueue(temp.open())
  queue.journal.tx(() => queue.journal.lanes.set(lanes))
  return queue
}

test('who waits for room in a lane is in nobody’s way, and the order of acceptance is that of the whole', () => {
  using temp = new TempJournal()
  const queue = open(temp, ['claude-cli'])
  for (const name of ['c1', 'c2', 'c3']) queue.accept(name, name, 'ASYNC', claude)
  queue.accept('e1', 'e1')
  queue.accept('c4', 'c4', 'ASYNC', { model: 'claude-cli' })
  queue.accept('e2', 'e2', 'ASYNC', { model: 'claude-cliff/x' })
  assert.deepEqual(queue.conversations.runnable(9), ['e1', 'e2'], 'a lane without room')
  assert.deepEqual(queue.conversations.runnable(9, [['claude-cli', 2]]), ['c1', 'c2', 'e1', 'e2'])
  assert.deepEqual(queue.conversations.runnable(3, [['claude-cli', 9]]), ['c1', 'c2', 'c3'])
  assert.deepEqual([queue.conversations.isReady('claude-cli'), queue.conversations.isReady('echo')], [true, false])
})

test('a conversation stands in the lane of its next request, whoever that is', () => {
  using temp = new TempJournal()
  const queue = open(temp, ['claude-cli'])
  queue.accept('first', 'a', 'ASYNC', claude)
  queue.accept('second', 'a')
  assert.deepEqual(queue.conversations.runnable(9), [])
  queue.start('first')
  assert.equal(queue.journal.lanes.running('claude-cli'), 1)
  queue.finish('first', 'completed')
  assert.equal(queue.journal.lanes.running('claude-cli'), 0)
  assert.deepEqual(queue.conversations.runnable(9), ['a'])
  queue.accept('ahead', 'a', 'INJECT', claude)
  assert.deepEqual(queue.conversations.runnable(9), [])
  queue.finish('ahead', 'cancelled')
  assert.deepEqual(queue.conversations.runnable(9), ['a'])
})

test('with other lanes than before everybody who waits is put where they belong', () => {
  using temp = new TempJournal()
  open(temp, ['claude-cli']).accept('c', 'c', 'ASYNC', claude)
  const none = open(temp, [])
  assert.deepEqual(none.conversations.runnable(9), ['c'])
  none.accept('e', 'e')
  const both = open(temp, ['echo', 'claude-cli'])
  assert.deepEqual(both.conversations.runnable(9), [])
  assert.deepEqual(
    both.conversations.runnable(9, [
      ['echo', 1],
      ['claude-cli', 1],
    ]),
    ['c', 'e'],
  )
})

test('looking for work walks along an index, in a lane and beside it', () => {
  using temp = new TempJournal()
  const queue = open(temp, ['claude-cli'])
  for (const lane of ['NULL', "'claude-cli'"]) {
    const plan = databaseOf(queue.journal)
      .prepare(
        `EXPLAIN QUERY PLAN SELECT conversation, head_tick FROM conversations INDEXED BY conversations_ready
         WHERE lane IS ${lane} AND head_tick IS NOT NULL
           AND busy = 0 AND not_before IS NULL ORDER BY head_tick LIMIT 9`,
      )
      .all()
      .map((row) => (row as { detail: string }).detail)
    assert.deepEqual([plan.length, plan.some((step) => step.includes('lane=?'))], [1, true], plan.join('; '))
  }
})
