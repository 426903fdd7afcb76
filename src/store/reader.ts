import { statSync } from 'node:fs'
import { iso, isoOrNull } from '../contracts/completion.ts'
import type { JournalFacts } from '../contracts/status.ts'
import { listBoots } from './boots.ts'
import { listCheckpoints } from './checkpoints.ts'
import type { Db } from './open.ts'
import { openForReading } from './open.ts'
import type { ConversationRow, RequestRow } from './rows.ts'
import { rowOf, rowsOf } from './rows.ts'

/** Reads the journal beside the daemon, without ever being in its way: short reads, no transaction kept open. */
export interface JournalReader {
  /** True when another connection has committed since the last call. */
  changed(): boolean
  /** True while the path still names the file that is open: a restore from a copy or a salvage replaces it. */
  current(): boolean
  facts(limits?: { boots?: number; checkpoints?: number; queues?: number }): JournalFacts
  close(): void
}

/**
 * Opens the journal for reading. @throws SQLite's error: SQLITE_CANTOPEN when there is no file, or it was closed
 * cleanly and the mount is read-only
 */
export function openJournalReader(path: string): JournalReader {
  const db = openForReading(path)
  const inode = statSync(path).ino
  let version = -1
  return {
    changed() {
      const now = Number(db.pragma('data_version', { simple: true }))
      const changed = now !== version
      version = now
      return changed
    },
    current() {
      try {
        return statSync(path).ino === inode
      } catch {
        return false
      }
    },
    facts: (limits = {}) => readFacts(db, { boots: 50, checkpoints: 50, queues: 200, ...limits }),
    close: () => {
      db.close()
    },
  }
}

/** What the journal tells of itself, by any connection. */
export function readFacts(db: Db, limits: { boots: number; checkpoints: number; queues: number }): JournalFacts {
  const totals = Object.fromEntries(
    rowsOf<{ state: string; n: number }>(db.prepare('SELECT state, n FROM totals').all()).map(({ state, n }) => [
      state,
      n,
    ]),
  )
  const count = (state: string): number => totals[state] ?? 0
  return {
    generation: rowOf<number>(db.prepare('SELECT epoch FROM lease').pluck().get()) ?? 0,
    counts: {
      queued: count('queued'),
      processing: count('processing'),
      completed: count('completed'),
      failed: count('failed'),
      cancelled: count('cancelled'),
    },
    lost: count('lost'),
    last_seq: rowOf<number>(db.prepare("SELECT seq FROM sqlite_sequence WHERE name = 'events'").pluck().get()) ?? 0,
    boots: listBoots(db, limits.boots),
    checkpoints: listCheckpoints(db, limits.checkpoints),
    queues: readQueues(db, limits.queues),
    running: readRunning(db),
  }
}

/** Conversations with something queued or running, in the order in which they get their turn. */
export function readQueues(db: Db, limit: number): JournalFacts['queues'] {
  const running = db.prepare(
    'SELECT * FROM conversations INDEXED BY conversations_running WHERE running IS NOT NULL LIMIT ?',
  )
  const waiting = db.prepare(
    'SELECT * FROM conversations INDEXED BY conversations_runnable WHERE head_tick IS NOT NULL AND running IS NULL ORDER BY head_tick LIMIT ?',
  )
  const rows = rowsOf<ConversationRow>(running.all(limit))
  rows.push(...rowsOf<ConversationRow>(waiting.all(limit - rows.length)))
  return rows.map((row) => ({
    conversation: row.conversation,
    session_id: row.session_id,
    agent_id: row.agent_id,
    queued: row.queued,
    running: row.running,
    not_before: isoOrNull(row.not_before),
  }))
}

function readRunning(db: Db): JournalFacts['running'] {
  const rows = rowsOf<RequestRow>(
    db
      .prepare(
        "SELECT * FROM requests INDEXED BY requests_one_running WHERE state = 'processing' ORDER BY started_tick LIMIT 1000",
      )
      .all(),
  )
  return rows.map((row) => ({
    request_id: row.request_id,
    conversation: row.conversation,
    session_id: row.session_id,
    model: row.model,
    attempts: row.attempts,
    started_at: iso(row.started_at ?? 0),
  }))
}
