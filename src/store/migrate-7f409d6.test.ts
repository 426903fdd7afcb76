import assert from 'node:assert/strict'
import { test } from 'node:test'
import { migrationHashes } from './migrate.ts'
import { asidePath } from './older-code.ts'
import { openForReading } from './open.ts'
import { salvage } from './salvage.ts'
import { writeOldJournal } from './testing/old-journal.ts'
import { disagreements } from './soundness.ts'
import { databaseOf } from './testing/sound.ts'
import { TempJournal } from './testing/temp-journal.ts'

const rows = (path: string, sql: string): unknown[] => {
  const db = openForReading(path)
  try {
    return db.prepare(sql).all()
  } finally {
    db.close()
  }
}

/** What a request is, in both schemas, as [of 7f409d6, of today]. */
const same: Record<string, [string, string]> = {
  requests: [
    `SELECT accepted_tick AS id, request_id, conversation, session_id, agent_id, priority, rank, state, event, model,
      on_restart, digest, client, queued_at, finished_at, finished_tick, not_before, attempts, crash_count, resumed_from
      FROM requests ORDER BY 1`,
    `SELECT id, request_id, conversation, session_id, agent_id, priority, rank, state, event, model, on_restart, digest,
      client, queued_at, finished_at, finished_tick, not_before, attempts, crash_count, resumed_from
      FROM requests ORDER BY 1`,
  ],
  runs: [
    `SELECT started_tick AS id, run_id, request_id, runner_id, epoch, started_at FROM requests
       WHERE run_id IS NOT NULL ORDER BY 1`,
    `SELECT u.id, run_id, request_id, runner_id, epoch, started_at FROM runs u JOIN requests r ON r.id = request
       ORDER BY 1`,
  ],
  'what runs': [
    'SELECT conversation, running FROM conversations WHERE running IS NOT NULL ORDER BY 1',
    `SELECT u.conversation, request_id AS running FROM runs u JOIN requests r ON r.id = request WHERE ended_at IS NULL
       ORDER BY 1`,
  ],
  queues: [
    'SELECT conversation, session_id, agent_id, model, head_tick, not_before, queued, last_used_at ' +
      'FROM conversations ORDER BY 1',
    'SELECT conversation, session_id, agent_id, model, head_tick, not_before, queued, last_used_at ' +
      'FROM conversations ORDER BY 1',
  ],
  payloads: [
    'SELECT request_id, data FROM payloads ORDER BY 1',
    'SELECT request_id, data FROM payloads JOIN requests ON id = request ORDER BY 1',
  ],
  outcomes: [
    'SELECT request_id, outcome FROM outcomes ORDER BY 1',
    'SELECT request_id, outcome FROM outcomes JOIN requests ON id = request ORDER BY 1',
  ],
  sessions: [
    `SELECT session_id, conversation, at, iif(handed_out, 'echo', NULL) AS provider FROM sessions ORDER BY 1`,
    'SELECT session_id, conversation, at, provider FROM sessions ORDER BY 1',
  ],
  ...Object.fromEntries(
    ['agents', 'totals', 'replies', 'boots', 'events'].map((table) => {
      const all = `SELECT * FROM ${table} ORDER BY 1`
      return [table, [all, all] as [string, string]]
    }),
  ),
  checkpoints: [
    'SELECT id, tick, at, reason, generation, queued, sessions, active, files, restored_at, restored_by ' +
      'FROM checkpoints',
    'SELECT id, tick, at, reason, generation, queued, sessions, active, files, restored_at, restored_by ' +
      'FROM checkpoints',
  ],
}

test('a journal of 7f409d6 is migrated: nothing is lost, everything agrees, a copy is set aside', () => {
  using temp = new TempJournal()
  writeOldJournal(temp.path)
  const journal = temp.open()
  assert.equal(journal.report.migratedFrom, 1)
  for (const [what, [before, after]] of Object.entries(same))
    assert.deepEqual(rows(temp.path, after), rows(asidePath(temp.path, 1), before), what)
  assert.deepEqual(disagreements(databaseOf(journal)), [])
  const services = { notes: { list: [1, 'zwei', null] }, jobs: 'text', done: true }
  for (const id of [1, 2]) assert.deepEqual(journal.checkpoints.head(id)?.services, services)
  const due = journal.requests.completedAfter(journal.cursors.get('responses').seq, 10)
  assert.deepEqual(
    due.map(({ request_id }) => request_id),
    ['due-1', 'due-2'],
    'what is not in its file yet',
  )
  const last = journal.events.lastSeq()
  assert.equal(
    journal.tx(() => journal.emitAny('next', {})),
    last + 1,
  )
  assert.equal(databaseOf(journal).pragma('auto_vacuum', { simple: true }), 2, 'it can give pages back')
})

test('a damaged journal of 7f409d6 is salvaged in its own shape, and brought up to date', () => {
  using temp = new TempJournal()
  writeOldJournal(temp.path)
  const { lost, lostRequests, saved } = salvage(temp.path)
  assert.deepEqual([lost, lostRequests, saved.requests], [{}, [], 33])
  const journal = temp.open()
  assert.deepEqual(disagreements(databaseOf(journal)), [])
  assert.equal(journal.runs.unfinished().length, 4)
})

/** Of all that was ever released. One of these never changes: a new line is added with each migration. */
const hashes = {
  '0001_journal.sql': '157d2c72754c8ef6a6504a341d27c06918224216de6d9c6e2c97a41638bcda54',
  '0002_runs.sql': '885eccf538ad81eb726ec0d18fd53c3fbd5207e5c79bf517978947b6b1f45ac3',
  '0003_lanes.sql': '5a4644ca08d72768eb4260f1c467c9d6a02d7f94154e02c4b964bbe37eee3c80',
  '0004_usage.sql': '1602d5b01731d9ec374f722cf46d2d9ed2ae1fc0aed4c7ca2a9229bcb39f5df8',
  '0005_agents.compatible.sql': '305c7cd4036ec0d0163980d3e16b5c0d206f08acd820969affe74012bb626158',
  '0006_holds.compatible.sql': '5223f7ee1db4c64afd136317d651b197cb8d628dc589b9109dd2d37b9ff04bf1',
  '0007_checkpoints.compatible.sql': 'eb67df1f690c0021a8f482e4d13e78d6ff4088f65c7936458f5e1ffc28741756',
}

test('no applied migration is ever changed', () => {
  assert.deepEqual(migrationHashes(), hashes)
})

test('a migration that was changed after it was applied is told by name, and nothing is touched', () => {
  using temp = new TempJournal()
  const next = `${String(Object.keys(hashes).length + 1).padStart(4, '0')}_more.sql`
  const first = temp.migrations({ [next]: 'CREATE TABLE extra (x)' })
  temp.open({ migrations: first }).close()
  const changed = temp.migrations({ [next]: 'CREATE TABLE extra (x, y)' })
  const says = (error: { code: string; message: string }): boolean =>
    error.code === 'KSI_MIGRATION_CHANGED' && error.message.includes(next)
  assert.throws(() => temp.open({ migrations: changed }), says)
  temp.open({ migrations: first })
})
