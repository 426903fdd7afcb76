import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chooseSeed, randomFrom } from '../testing/random.ts'
import type { Journal } from './journal.ts'
import { readLosses } from './losses.ts'
import { clientOf } from './rows.ts'
import { assertJournalSound, databaseOf } from './testing/sound.ts'
import { TempJournal, TestQueue } from './testing/temp-journal.ts'

/*
 * Rows garbled within sound pages: what SQLite takes for a row and is none of ours. Each journal is marked as
 * distrusted, as a boot that failed on it would leave it.
 */

const requests = 30

/** Of 30 requests in 10 conversations 5 ended, 5 run. */
function fill(temp: TempJournal): Journal {
  const journal = temp.open()
  const queue = new TestQueue(journal)
  journal.tx(() => journal.boots.open({ ...boot, generation: journal.epoch }))
  for (let i = 0; i < requests; i++) {
    queue.accept(`request-${i}`, `conversation-${i % 10}`)
    if (i < 10) queue.start(`request-${i}`)
    if (i < 5) queue.finish(`request-${i}`, 'completed')
  }
  return journal
}

const boot = { boot_id: 'b', cause: 'start' as const, files: [], at: 1, previous_end: 'none' as const, now: 1 }

/** Runs these statements in a sound journal, distrusts it, and opens it again. */
function garbled(temp: TempJournal, statements: readonly string[]): TestQueue {
  const journal = fill(temp)
  const db = databaseOf(journal)
  for (const statement of statements) db.exec(statement)
  journal.distrust(new Error('something does not fit'))
  db.close()
  const queue = new TestQueue(temp.open())
  assertJournalSound(temp.path)
  return queue
}

test('the runs of a request belong to its conversation, and one that goes on keeps its run', () => {
  using temp = new TempJournal()
  const queue = garbled(temp, ["UPDATE runs SET conversation = 'conversatiXn-' || request WHERE id % 2 = 0"])
  assert.ok(queue.journal.report.salvaged)
  assert.equal(queue.requests.processing().length, 5)
  assert.ok(queue.requests.processing().every(({ run_id }) => run_id?.startsWith('run-')))
})

test('a request whose name was garbled has the one again under which it was accepted', () => {
  using temp = new TempJournal()
  const queue = garbled(temp, ["UPDATE requests SET request_id = 'requXst-20' WHERE request_id = 'request-20'"])
  assert.deepEqual(queue.queue('conversation-0'), ['request-10', 'request-20'])
})

test('a journal that has lost its lease, or a number of it, gets one above every epoch there was', () => {
  for (const what of ['DELETE FROM lease', 'UPDATE lease SET epoch = 4611686018427387904, tick = 7e18']) {
    using temp = new TempJournal()
    const { journal } = garbled(temp, [what])
    assert.deepEqual([journal.epoch, journal.report.salvaged?.lostOpen], [2, 0], what)
  }
  using temp = new TempJournal()
  const journal = fill(temp)
  databaseOf(journal).exec('DELETE FROM lease')
  journal.close()
  assert.ok(temp.open().report.salvaged, 'also where nobody has met it')
})

/** What a garbled byte can make of a value. */
const values = [
  "x'a5a5'",
  "CAST(x'a5ff' AS TEXT)",
  "''",
  '\'{"prompt": \'',
  '1.5',
  '-3',
  '0',
  '7',
  'NULL',
  '4611686018427387904',
  "'conversation-1'",
  "'queued'",
  "'completed'",
  "'failed'",
  "'processing'",
  "'cancelled'",
]

const garbledTables: [string, string[]][] = [
  ['requests', ['id', 'request_id', 'conversation', 'session_id', 'agent_id', 'priority', 'rank', 'state', 'event']],
  ['requests', ['id', 'model', 'on_restart', 'digest', 'client', 'queued_at', 'finished_at', 'finished_tick']],
  ['requests', ['id', 'not_before', 'attempts', 'crash_count', 'resumed_from']],
  ['runs', ['id', 'run_id', 'request', 'conversation', 'attempt', 'runner_id', 'epoch', 'started_at', 'deadline']],
  ['runs', ['id', 'ended_at', 'end', 'usage']],
  ['payloads', ['request', 'data']],
  ['outcomes', ['request', 'outcome']],
  ['events', ['seq', 'name', 'at', 'request_id', 'data']],
  ['boots', ['id', 'boot_id', 'generation', 'cause', 'files', 'at', 'previous_end', 'phases', 'restored', 'error']],
]

/** Every row is read as the daemon reads it, and every request that waits is run. */
function useAll(temp: TempJournal, queue: TestQueue): void {
  const { journal, requests: rows } = queue
  const ids = databaseOf(journal).prepare('SELECT request_id FROM requests ORDER BY id').pluck().all() as string[]
  if (ids.length < requests) assert.equal(readLosses(temp.path).length, 1, `${ids.length} are left`)
  journal.events.after(0, 1_000)
  journal.boots.list(10)
  for (const run of journal.runs.unfinished())
    if (run.state === 'processing') assert.ok(queue.requeue(run.request_id, null))
    else queue.runEnded(run.request_id)
  for (const id of ids) {
    rows.payload(id)
    clientOf(rows.get(id) ?? { client: null })
    const { state } = rows.get(id) ?? {}
    if (state !== 'queued') assert.ok(rows.outcome(id), `${id} is ${state}`)
  }
  const names = new Set(ids.map((id) => rows.get(id)?.conversation ?? ''))
  for (const name of names)
    for (let head = rows.head(name); head !== undefined; head = rows.head(name)) {
      assert.ok(queue.start(head.request_id), `${head.request_id} starts`)
      assert.ok(queue.finish(head.request_id, 'completed'))
    }
  assert.equal(rows.total('queued'), 0)
  assert.deepEqual(queue.disagreements(), [])
}

const rounds = 15

test(`rows garbled at random ${rounds} times: it opens, agrees with itself, and whatever can be read is there`, () => {
  const first = chooseSeed()
  for (let seed = first; seed < first + rounds; seed++) {
    const random = randomFrom(seed)
    const below = (limit: number): number => Math.floor(random() * limit)
    using temp = new TempJournal()
    const statements = Array.from({ length: 1 + below(6) }, () => {
      const [table, columns] = garbledTables[below(garbledTables.length)] ?? ['runs', ['id']]
      const column = columns[below(columns.length)]
      const value = values[below(values.length)]
      // SQLite itself keeps nothing but integers as the key of a row.
      const fitting = column === columns[0] ? `coalesce(CAST(${value} AS INTEGER), 9)` : value
      return `UPDATE OR IGNORE ${table} SET ${column} = ${fitting}
        WHERE rowid = (SELECT rowid FROM ${table} ORDER BY rowid LIMIT 1 OFFSET ${below(requests)})`
    })
    try {
      useAll(temp, garbled(temp, statements))
    } catch (error) {
      throw new Error(`with KSI_SEED=${seed}: ${statements.join('; ')}`, { cause: error })
    }
  }
})
