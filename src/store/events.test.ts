import assert from 'node:assert/strict'
import { test } from 'node:test'
import { databaseOf } from './testing/sound.ts'
import { TempJournal, TestQueue } from './testing/temp-journal.ts'

test('events are numbered from 1 without holes and read in pages', () => {
  using temp = new TempJournal()
  const journal = temp.open()
  const events = journal.events
  assert.deepEqual([events.firstSeq(), events.lastSeq(), events.after(0, 10)], [1, 0, []])
  for (let i = 1; i <= 5; i++) journal.tx(() => journal.emitAny('e', { i }))
  assert.deepEqual([events.firstSeq(), events.lastSeq()], [1, 5])
  const seqs = (since: number, limit: number): number[] => events.after(since, limit).map(({ seq }) => seq)
  assert.deepEqual([seqs(0, 2), seqs(2, 2), seqs(4, 2), seqs(5, 2)], [[1, 2], [3, 4], [5], []])
})

test('an event that cannot be read is told from what its request says; those behind it come as they are', () => {
  using temp = new TempJournal()
  const journal = temp.open()
  const queue = new TestQueue(journal)
  const identity = { request_id: 'a', conversation: 'c', session_id: null, agent_id: null }
  queue.accept('a', 'c', 'INJECT')
  queue.start('a')
  const outcome = { reason: 'provider_error', message: 'no answer' }
  journal.tx(() => {
    const tick = journal.emitAny('completion:failed', {}, 'a')
    queue.requests.finish('a', { state: 'failed', now: 1, tick, outcome })
    journal.emitAny('completion:cancelled', {}, 'a')
    journal.emitAny('completion:result', {}, 'gone')
    journal.emitAny('other', { of: 'nobody' })
    journal.emitAny('last', { is: 'there' })
  })
  // As a disk garbles them, and as a salvage leaves them.
  for (const garbled of ['substr(data, 2)', "'{}'"]) {
    databaseOf(journal).exec(`UPDATE events SET data = ${garbled} WHERE name <> 'last'`)
    const told = journal.events.after(0, 10).map(({ name, data }) => [name, data])
    assert.deepEqual(told, [
      ['completion:queued', { ...identity, priority: 'INJECT', model: 'echo/echo' }],
      ['completion:progress', identity],
      ['completion:failed', { ...identity, ...outcome, error: 'no answer' }],
      ['completion:cancelled', { ...identity, was: 'processing' }],
      ['completion:result', { request_id: 'gone' }],
      ['other', {}],
      ['last', { is: 'there' }],
    ])
  }
})

test('trimming keeps exactly the newest events, a slice at a time, and numbers are never used again', () => {
  using temp = new TempJournal()
  const journal = temp.open()
  const events = journal.events
  journal.tx(() => {
    for (let i = 0; i < 25; i++) journal.emitAny('e', {})
  })
  const trim = (keep: number): number => journal.tx(() => events.trim(keep, 10))
  assert.deepEqual([trim(8), events.firstSeq()], [10, 11])
  assert.deepEqual([trim(8), trim(8), events.firstSeq()], [7, 0, 18])
  assert.equal(events.after(0, 100).length, 8)
  assert.deepEqual([trim(0), events.firstSeq(), events.lastSeq()], [8, 26, 25])
  journal.tx(() => journal.emitAny('next', {}))
  assert.equal(events.after(0, 1)[0]?.seq, 26)
})

test('trimming finished requests keeps the newest and everything that is not finished or not yet in its file', () => {
  using temp = new TempJournal()
  const journal = temp.open()
  const queue = new TestQueue(journal)
  queue.accept('waits', 'w')
  queue.accept('runs', 'x')
  queue.start('runs')
  for (let i = 0; i < 10; i++) {
    queue.accept(`r${i}`, 'done')
    queue.start(`r${i}`)
    journal.tx(() => {
      const tick = journal.emitAny('done', {})
      const state = i % 2 === 0 ? 'completed' : 'failed'
      queue.requests.finish(`r${i}`, { state, now: 1, tick, outcome: {}, sessionId: 's' })
    })
  }
  const written = (id: string): void =>
    journal.tx(() => journal.cursors.set('responses', queue.requests.get(id)?.finished_tick ?? 0))
  const trim = (keep: number, slice: number): number => journal.tx(() => journal.finished.trim(keep, slice))
  assert.equal(trim(10, 100), 0)
  assert.equal(trim(6, 100), 2, 'the failed ones: nothing of the others is in a file yet')
  written('r2')
  assert.deepEqual([trim(4, 1), trim(4, 100), trim(4, 100)], [1, 2, 0])
  const ids = (table: string): unknown[] =>
    databaseOf(journal)
      .prepare(
        table === 'requests'
          ? 'SELECT request_id FROM requests ORDER BY id'
          : `SELECT request_id FROM ${table} JOIN requests ON id = request ORDER BY id`,
      )
      .pluck()
      .all()
  assert.deepEqual(ids('requests'), ['waits', 'runs', 'r4', 'r6', 'r7', 'r8', 'r9'])
  assert.deepEqual(ids('payloads'), ids('requests'))
  assert.deepEqual(ids('outcomes'), ['r4', 'r6', 'r7', 'r8', 'r9'])
  assert.equal(queue.requests.total('completed'), 5, 'totals count what has ever been')
})

test('the first reply to an event stays its reply', () => {
  using temp = new TempJournal()
  const journal = temp.open()
  const replies = journal.replies
  assert.equal(replies.get('e1'), undefined)
  journal.tx(() => replies.put('e1', [{ status: 'queued' }]))
  journal.tx(() => replies.put('e1', [{ status: 'other' }]))
  journal.tx(() => replies.put('none', []))
  assert.deepEqual([replies.get('e1'), replies.get('none')], [[{ status: 'queued' }], []])
  const undone = (): never =>
    journal.tx(() => {
      replies.put('e2', [1])
      throw new Error('no')
    })
  assert.throws(undone)
  assert.equal(replies.get('e2'), undefined)
  assert.deepEqual(temp.open().replies.get('e1'), [{ status: 'queued' }], 'for the next generation too')
})

test('a reply that cannot be read any more is told as that: what it answered was run, and is not run again', () => {
  using temp = new TempJournal()
  const journal = temp.open()
  journal.tx(() => journal.replies.put('e1', [{ status: 'queued' }]))
  databaseOf(journal).exec('UPDATE replies SET reply = substr(reply, 3)')
  assert.throws(() => journal.replies.get('e1'), { code: 'KSI_DB_DAMAGED', message: /^This event was run, and is not/ })
  databaseOf(journal).exec('DELETE FROM replies')
})

test('replies are bounded: the oldest go first', () => {
  using temp = new TempJournal()
  const journal = temp.open()
  const replies = journal.replies
  journal.tx(() => {
    for (let i = 0; i < 50_010; i++) replies.put(`e${i}`, [])
  })
  assert.deepEqual([replies.trim(6), replies.trim(6), replies.trim(6)], [6, 4, 0])
  assert.deepEqual([replies.get('e9'), replies.get('e10')], [undefined, []])
})

test('what was removed gives its pages back, a few at a time', () => {
  using temp = new TempJournal()
  const journal = temp.open()
  const pages = (): number => Number(databaseOf(journal).pragma('page_count', { simple: true }))
  const small = pages()
  for (let i = 0; i < 400; i++) journal.tx(() => journal.emitAny('e', { text: 'x'.repeat(4_000) }))
  const large = pages()
  assert.ok(large > small + 350)
  journal.tx(() => journal.events.trim(0, 1_000))
  journal.tx(() => journal.shrink(64))
  assert.equal(pages(), large - 64)
  for (let i = 0; i < 10; i++) journal.tx(() => journal.shrink(64))
  assert.ok(pages() < small + 64 + 10, 'as many as are given back at a time stay for what comes next')
})
