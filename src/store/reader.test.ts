import assert from 'node:assert/strict'
import { renameSync } from 'node:fs'
import { test } from 'node:test'
import { journalFacts } from '../contracts/status.ts'
import { openJournalReader } from './reader.ts'
import { TempJournal, TestQueue } from './testing/temp-journal.ts'

test('without a file there is nothing to read', () => {
  using temp = new TempJournal()
  assert.throws(() => openJournalReader(temp.path), { code: 'SQLITE_CANTOPEN' })
})

test('a reader beside the writer sees what is committed, and that something was', () => {
  using temp = new TempJournal()
  const journal = temp.open()
  const queue = new TestQueue(journal)
  const reader = openJournalReader(temp.path)
  assert.equal(reader.changed(), true, 'at first all is new')
  assert.equal(reader.changed(), false)
  queue.accept('a', 'one')
  queue.accept('b', 'one')
  queue.accept('c', 'two')
  queue.start('a')
  assert.equal(reader.changed(), true)
  assert.equal(reader.changed(), false)
  const facts = journalFacts.parse(reader.facts())
  assert.deepEqual(facts.counts, { queued: 2, processing: 1, completed: 0, failed: 0, cancelled: 0 })
  assert.equal(facts.generation, journal.epoch)
  assert.equal(facts.last_seq, 4)
  assert.deepEqual(
    facts.queues.map(({ conversation, queued, running }) => [conversation, queued, running]),
    [
      ['one', 1, 'a'],
      ['two', 1, null],
    ],
  )
  assert.deepEqual(
    facts.running.map(({ request_id }) => request_id),
    ['a'],
  )
  reader.close()
})

test('reading never waits for a writer, nor a writer for reading', () => {
  using temp = new TempJournal()
  const journal = temp.open()
  const queue = new TestQueue(journal)
  const reader = openJournalReader(temp.path)
  const begun = performance.now()
  journal.tx(() => {
    queue.accept('a', 'one')
    assert.equal(reader.facts().counts.queued, 0, 'not yet committed')
  })
  assert.equal(reader.facts().counts.queued, 1)
  assert.ok(performance.now() - begun < 200)
  reader.close()
})

test('facts are bounded by their limits', () => {
  using temp = new TempJournal()
  const journal = temp.open()
  const queue = new TestQueue(journal)
  for (let i = 0; i < 8; i++) queue.accept(`r${i}`, `c${i}`)
  for (let i = 0; i < 3; i++) queue.start(`r${i}`)
  for (let i = 0; i < 5; i++)
    journal.tx(() =>
      journal.checkpoints.insert({ tick: 1, at: 1, reason: 'manual', generation: 1, files: [], states: [] }),
    )
  const reader = openJournalReader(temp.path)
  const facts = reader.facts({ queues: 4, checkpoints: 2 })
  assert.deepEqual(
    facts.queues.map(({ conversation }) => conversation),
    ['c0', 'c1', 'c2', 'c3'],
  )
  assert.deepEqual(
    facts.checkpoints.map(({ id }) => id),
    [5, 4],
  )
  reader.close()
})

test('a reader notices that its file was replaced or is gone', () => {
  using temp = new TempJournal()
  temp.open()
  const reader = openJournalReader(temp.path)
  assert.equal(reader.current(), true)
  renameSync(temp.path, `${temp.path}.aside`)
  assert.equal(reader.current(), false)
  temp.open()
  assert.equal(reader.current(), false)
  reader.close()
  const next = openJournalReader(temp.path)
  assert.equal(next.current(), true)
  next.close()
})

test('what is held is among the facts, and who waits for it among the queues, in the order of acceptance', () => {
  using temp = new TempJournal()
  const queue = new TestQueue(temp.open())
  const { journal } = queue
  const reader = openJournalReader(temp.path)
  for (const name of ['c3', 'c1', 'c2']) queue.accept(name, name, 'ASYNC', { model: `${name}/m` })
  journal.tx(() => {
    journal.lanes.set(['c1', 'c2', 'c3'])
    for (const name of ['c1', 'c3']) journal.lanes.takeOut(name)
    const until = Date.now() + 60_000
    journal.holds.put({ scope: 'provider', name: 'c1', cause: 'limit', reason: 'slow down', until, times: 2 }, 1)
    journal.holds.put({ scope: 'conversation', name: 'c2', cause: 'manual', reason: '', until: null, times: 1 }, 1)
    journal.lanes.move('c2', '~')
  })
  const { holds, held, queues } = journalFacts.parse(reader.facts())
  assert.deepEqual(
    [held, holds.map(({ name, phase, times }) => [name, phase, times])],
    [
      2,
      [
        ['c1', 'held', 2],
        ['c2', 'held', 1],
      ],
    ],
  )
  assert.deepEqual(
    queues.map(({ conversation }) => conversation),
    ['c3', 'c1', 'c2'],
  )
  reader.close()
})
