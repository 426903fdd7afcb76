import type { Db } from './open.ts'
import type { RequestRow } from './rows.ts'
import { rowsOf } from './rows.ts'

const message = 'What this request was to do stood in a damaged part of the journal; send it again'

/**
 * Brings the rows saved from a damaged journal into line with each other: what follows from the requests is worked out
 * anew, what lost its request goes, and a waiting request that lost its content is told as failed.
 * @returns the ids of those
 */
export function mendSalvaged(db: Db, now: number): string[] {
  const mend = db.transaction(() => {
    continueTicks(db)
    dropOrphans(db)
    const lost = failWithoutContent(db, now)
    rebuildConversations(db)
    return lost
  })
  return mend()
}

/**
 * Ticks must go on above every tick in use, also when the newest events were lost: they are the order of the queues.
 */
function continueTicks(db: Db): void {
  db.exec(`DELETE FROM sqlite_sequence WHERE name = 'events';
    INSERT INTO sqlite_sequence (name, seq) SELECT 'events', max(
      (SELECT coalesce(max(seq), 0) FROM events),
      (SELECT coalesce(max(tick), 0) FROM checkpoints),
      (SELECT coalesce(max(max(accepted_tick, coalesce(started_tick, 0), coalesce(finished_tick, 0))), 0) FROM requests))`)
}

/**
 * Content without its request would make the same id, sent again, an error. Nor can half a result be written to a file.
 */
function dropOrphans(db: Db): void {
  for (const table of ['payloads', 'outcomes']) {
    db.exec(`DELETE FROM ${table} WHERE request_id NOT IN (SELECT request_id FROM requests)`)
    db.exec(
      `UPDATE requests SET file_due = 0 WHERE file_due = 1 AND request_id NOT IN (SELECT request_id FROM ${table})`,
    )
  }
}

function failWithoutContent(db: Db, now: number): string[] {
  const rows = rowsOf<RequestRow>(
    db
      .prepare("SELECT * FROM requests WHERE state = 'queued' AND request_id NOT IN (SELECT request_id FROM payloads)")
      .all(),
  )
  const insertEvent = db.prepare(
    "INSERT INTO events (name, at, request_id, data) VALUES ('completion:failed', ?, ?, ?)",
  )
  const finish = db.prepare(
    "UPDATE requests SET state = 'failed', in_hand = 0, finished_at = ?, finished_tick = ? WHERE request_id = ?",
  )
  const insertOutcome = db.prepare('INSERT OR REPLACE INTO outcomes VALUES (?, ?)')
  const reason = 'daemon_restart'
  for (const { request_id, conversation, session_id, agent_id } of rows) {
    const about = JSON.stringify({ request_id, conversation, session_id, agent_id, reason, message, error: message })
    const tick = Number(insertEvent.run(now, request_id, about).lastInsertRowid)
    finish.run(now, tick, request_id)
    insertOutcome.run(request_id, JSON.stringify({ reason, message }))
  }
  db.prepare("UPDATE totals SET n = n + ? WHERE state = 'lost'").run(rows.length)
  return rows.map(({ request_id }) => request_id)
}

function rebuildConversations(db: Db): void {
  db.exec(`INSERT OR IGNORE INTO conversations (conversation, session_id, agent_id, model, last_used_at)
      SELECT conversation, session_id, agent_id, model, max(queued_at) FROM requests GROUP BY conversation;
    UPDATE conversations SET
      queued = (SELECT count(*) FROM requests r WHERE r.conversation = conversations.conversation AND r.state = 'queued'),
      running = coalesce((SELECT request_id FROM requests r WHERE r.conversation = conversations.conversation AND r.state = 'processing'), running),
      (head_tick, not_before) = (SELECT accepted_tick, not_before FROM requests r
        WHERE r.conversation = conversations.conversation AND r.state = 'queued' ORDER BY rank, accepted_tick LIMIT 1)`)
}
