import assert from 'node:assert/strict'
import type { Journal } from '../journal.ts'
import type { Db } from '../open.ts'
import { handle, openForReading } from '../open.ts'
import { disagreements } from '../soundness.ts'

/** The database of a journal: for tests of what lies in it. */
export function databaseOf(journal: Journal): Db {
  return journal[handle]
}

/** @throws AssertionError when the rows of an open journal do not agree with each other */
export function assertSound(journal: Journal): void {
  const db = databaseOf(journal)
  if (db.open && db.pragma('user_version', { simple: true }) !== 1) assert.deepEqual(disagreements(db), [])
}

/** The same for a file, whoever else has it open. @throws AssertionError */
export function assertJournalSound(path: string): void {
  const db = openForReading(path)
  try {
    assert.equal(db.pragma('integrity_check(1)', { simple: true }), 'ok')
    assert.deepEqual(disagreements(db), [])
  } finally {
    db.close()
  }
}

/** Everything a journal knows but its times: to compare before and after. */
export function contentOfJournal(journal: Journal): unknown {
  const all = (sql: string): unknown => databaseOf(journal).prepare(sql).all()
  return {
    requests: all(
      'SELECT request_id, conversation, session_id, state, rank, attempts, crash_count FROM requests ORDER BY id',
    ),
    runs: all('SELECT id, run_id, request, conversation, attempt, end FROM runs ORDER BY id'),
    outcomes: all('SELECT request FROM outcomes ORDER BY request'),
    conversations: all(
      'SELECT conversation, session_id, busy, head_tick, queued FROM conversations ORDER BY conversation',
    ),
    events: all('SELECT seq, name, request_id FROM events ORDER BY seq'),
    totals: all('SELECT * FROM totals ORDER BY state'),
  }
}
