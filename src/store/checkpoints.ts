import type { CheckpointContent, CheckpointSummary } from '../contracts/checkpoint.ts'
import { iso, isoOrNull } from '../contracts/completion.ts'
import type { CheckpointReason } from '../contracts/words.ts'
import type { Db } from './open.ts'
import type { RequestRow } from './rows.ts'
import { clientOf, rowOf, rowsOf } from './rows.ts'

interface CheckpointRow {
  id: number
  tick: number
  at: number
  reason: CheckpointReason
  generation: number
  queued: number
  sessions: number
  active: string
  files: string
  services: string
  restored_at: number | null
  restored_by: number | null
}

/** Bytes of request data a shown checkpoint carries at most: a reply must stay under the clients' 10 MiB a line. */
const shownBytes = 8 * 1024 * 1024
const kept = 500

/**
 * Writes a checkpoint: one row. Its queues and active operations are never copied, since every request carries the
 * ticks of its transitions. Call within a transaction.
 * @returns its number and what it counted
 */
export function insertCheckpoint(
  db: Db,
  cut: {
    tick: number
    at: number
    reason: CheckpointReason
    generation: number
    files: string[]
    services: Record<string, unknown>
  },
): { id: number; queued: number; sessions: number; active: number } {
  const active = rowsOf<string>(db.prepare("SELECT request_id FROM requests WHERE state = 'processing'").pluck().all())
  const { queued, sessions } = rowOf<{ queued: number; sessions: number }>(
    db
      .prepare(
        "SELECT (SELECT n FROM totals WHERE state = 'queued') AS queued, (SELECT count(*) FROM conversations WHERE head_tick IS NOT NULL) AS sessions",
      )
      .get(),
  ) ?? { queued: 0, sessions: 0 }
  const insert = db.prepare(
    'INSERT INTO checkpoints (tick, at, reason, generation, queued, sessions, active, files, services) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
  )
  const { tick, at, reason, generation, files, services } = cut
  const done = insert.run(
    tick,
    at,
    reason,
    generation,
    queued,
    sessions,
    JSON.stringify(active),
    JSON.stringify(files),
    JSON.stringify(services),
  )
  const id = Number(done.lastInsertRowid)
  db.prepare('DELETE FROM checkpoints WHERE id <= ?').run(id - kept)
  return { id, queued, sessions, active: active.length }
}

/**
 * Marks the newest checkpoint as restored, once. @returns its row, or undefined when there is none or it was restored
 * before
 */
export function markRestored(
  db: Db,
  by: { generation: number; at: number },
): { id: number; services: Record<string, unknown> } | undefined {
  const row = rowOf<{ id: number; services: string }>(
    db
      .prepare(
        'UPDATE checkpoints SET restored_at = ?, restored_by = ? WHERE id = (SELECT max(id) FROM checkpoints) AND restored_at IS NULL RETURNING id, services',
      )
      .get(by.at, by.generation),
  )
  return row && { id: row.id, services: JSON.parse(row.services) as Record<string, unknown> }
}

/** The newest checkpoints, newest first. */
export function listCheckpoints(db: Db, limit: number): CheckpointSummary[] {
  return rowsOf<CheckpointRow>(db.prepare('SELECT * FROM checkpoints ORDER BY id DESC LIMIT ?').all(limit)).map(
    toSummary,
  )
}

/** A checkpoint with its queues and active operations as they were then; the newest when no number is given. */
export function showCheckpoint(db: Db, id?: number): CheckpointContent | undefined {
  const row = findCheckpoint(db, id)
  if (row === undefined) return undefined
  const active = new Set(JSON.parse(row.active) as string[])
  const content: CheckpointContent = {
    ...toSummary(row),
    session_queues: {},
    active_operations: {},
    services: JSON.parse(row.services) as Record<string, unknown>,
    truncated: false,
  }
  for (const requestId of active) {
    const request = rowOf<RequestRow>(db.prepare('SELECT * FROM requests WHERE request_id = ?').get(requestId))
    content.active_operations[requestId] = {
      status: 'processing',
      session_id: request?.session_id ?? null,
      conversation: request?.conversation ?? '',
      started_at: isoOrNull(request?.started_at ?? null),
      client_info: request === undefined ? null : clientOf(request),
    }
  }
  let bytes = 0
  for (const entry of queuedAt(db, row.tick)) {
    if (active.has(entry.request_id)) continue
    bytes += entry.data.length
    if (bytes > shownBytes) {
      content.truncated = true
      break
    }
    const queue = (content.session_queues[entry.session] ??= [])
    queue.push({
      request_id: entry.request_id,
      status: 'queued',
      data: JSON.parse(entry.data) as Record<string, unknown>,
    })
  }
  return content
}

/** The ids that were queued and those that were processing at a checkpoint. */
export function checkpointIds(db: Db, id: number): { queued: Set<string>; active: Set<string> } | undefined {
  const row = findCheckpoint(db, id)
  if (row === undefined) return undefined
  const active = new Set(JSON.parse(row.active) as string[])
  const queued = new Set<string>()
  for (const entry of queuedAt(db, row.tick)) if (!active.has(entry.request_id)) queued.add(entry.request_id)
  return { queued, active }
}

function findCheckpoint(db: Db, id?: number): CheckpointRow | undefined {
  return rowOf(
    id === undefined
      ? db.prepare('SELECT * FROM checkpoints ORDER BY id DESC LIMIT 1').get()
      : db.prepare('SELECT * FROM checkpoints WHERE id = ?').get(id),
  )
}

/** What was accepted and not finished at a tick, in queue order. */
function queuedAt(db: Db, tick: number): IterableIterator<{ request_id: string; session: string; data: string }> {
  const statement = db.prepare(`SELECT r.request_id, coalesce(c.session_id, r.conversation) AS session, p.data
    FROM requests r JOIN payloads p USING (request_id) LEFT JOIN conversations c USING (conversation)
    WHERE r.accepted_tick <= @tick AND (r.finished_tick IS NULL OR r.finished_tick > @tick)
    ORDER BY r.rank, r.accepted_tick`)
  return statement.iterate({ tick }) as IterableIterator<{ request_id: string; session: string; data: string }>
}

function toSummary(row: CheckpointRow): CheckpointSummary {
  return {
    id: row.id,
    tick: row.tick,
    at: iso(row.at),
    reason: row.reason,
    generation: row.generation,
    queued: row.queued,
    active: (JSON.parse(row.active) as string[]).length,
    sessions: row.sessions,
    files: JSON.parse(row.files) as string[],
    restored_at: isoOrNull(row.restored_at),
    restored_by: row.restored_by,
  }
}
