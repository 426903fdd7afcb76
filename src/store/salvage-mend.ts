import { parseObject } from '../lib/ndjson.ts'
import { rebuildDerived } from './derived.ts'
import type { Db } from './open.ts'
import type { RequestRow } from './rows.ts'
import { endOf, gatherEnds, rebuildRequests } from './salvage-requests.ts'
import { Sql } from './sql.ts'
import { contentLost, outcomeLost } from './stored.ts'
import { replaceUnfit } from './unfit.ts'

/**
 * Brings the rows saved from a damaged journal into line with each other: a request whose row is gone is made again of
 * its content and its event, one that has an outcome has ended, what follows from the requests is worked out anew, and
 * a waiting request that lost its content is told as failed.
 * @returns the ids of those; and how many requests were found that waited or ran, those among them
 */
export function mendSalvaged(db: Db, now: number): { failed: string[]; open: number } {
  const mend = db.transaction(() => {
    const sql = new Sql(db)
    replaceUnfit(db)
    nameAsAccepted(sql)
    gatherEnds(sql)
    rebuildRequests(sql)
    // Content without its request would make the same id, sent again, an error.
    sql.run('DELETE FROM payloads WHERE request NOT IN (SELECT id FROM requests)')
    sql.run('DELETE FROM outcomes WHERE request NOT IN (SELECT id FROM requests)')
    endWhatHasEnded(sql, now)
    sayWhatWasLost(sql)
    rebuildDerived(db)
    // Where the response files stand was lost: they have all but the last lines, and looking into each would take long.
    sql.run("INSERT OR IGNORE INTO cursors (name, seq, note) SELECT 'responses', tick, NULL FROM lease")
    const open = sql.value<number>("SELECT count(*) FROM requests WHERE state IN ('queued', 'processing')") ?? 0
    const failed = failWithoutContent(sql, now)
    rebuildDerived(db)
    return { failed, open }
  })
  return mend()
}

/** A name of which a few bytes are garbled is one to SQLite. What the event of its acceptance says twice is right. */
function nameAsAccepted(sql: Sql): void {
  sql.run(`UPDATE OR IGNORE requests SET request_id = e.request_id FROM events e
    WHERE e.seq = requests.id AND e.name = 'completion:queued' AND e.request_id <> requests.request_id
      AND e.request_id = e.data ->> '$.request_id'`)
  sql.run(`UPDATE events SET request_id = r.request_id FROM requests r
    WHERE r.id = events.seq AND events.name = 'completion:queued' AND events.request_id IS NOT r.request_id`)
}

/** Pages of different moments lie beside each other: what has an outcome, or a told end, has ended. */
function endWhatHasEnded(sql: Sql, now: number): void {
  const rows = sql.all<{ id: number; request_id: string; outcome: string | null; state: string }>(
    `SELECT id, request_id, outcome, state FROM requests r LEFT JOIN outcomes ON request = id
     WHERE outcome IS NULL AND state NOT IN ('queued', 'processing')
       OR (state IN ('queued', 'processing') OR finished_tick IS NULL)
         AND (outcome IS NOT NULL OR request_id IN (SELECT request_id FROM ends WHERE seq > r.id))`,
  )
  let tick = highestTick(sql)
  for (const { id, request_id, outcome, state } of rows) {
    const told = endOf(sql, id, request_id)
    const isOpen = state === 'queued' || state === 'processing'
    sql.run(
      `UPDATE requests SET state = ?, finished_at = coalesce(finished_at, ?),
         finished_tick = coalesce(finished_tick, ?), not_before = NULL WHERE id = ?`,
      told?.state ?? (isOpen ? stateOf(outcome ?? '') : state),
      told?.at ?? now,
      told?.seq ?? ++tick,
      id,
    )
    if (told !== undefined) sql.run('INSERT OR IGNORE INTO outcomes (request, outcome) VALUES (?, ?)', id, told.outcome)
  }
  sql.run('UPDATE lease SET tick = max(tick, ?)', tick)
}

function stateOf(outcome: string): string {
  const { result, reason } = parseObject(outcome) ?? {}
  if (result !== undefined) return 'completed'
  return reason === 'cancelled' ? 'cancelled' : 'failed'
}

function highestTick(sql: Sql): number {
  return (
    sql.value<number>(`SELECT max(tick, coalesce((SELECT max(seq) FROM events), 0),
      coalesce((SELECT max(id) FROM requests), 0), coalesce((SELECT max(finished_tick) FROM requests), 0),
      coalesce((SELECT max(id) FROM runs), 0)) FROM lease`) ?? 0
  )
}

/** A request that has ended keeps its end, also where what came of it was lost. */
function sayWhatWasLost(sql: Sql): void {
  sql.run(
    `INSERT INTO outcomes (request, outcome) SELECT id, ? FROM requests
     WHERE state NOT IN ('queued', 'processing') AND id NOT IN (SELECT request FROM outcomes)`,
    JSON.stringify({ message: outcomeLost }),
  )
  sql.run(`UPDATE requests SET finished_tick = NULL, finished_at = NULL WHERE state IN ('queued', 'processing')`)
}

function failWithoutContent(sql: Sql, now: number): string[] {
  const rows = sql.all<RequestRow>(
    "SELECT * FROM requests WHERE state = 'queued' AND id NOT IN (SELECT request FROM payloads)",
  )
  let tick = highestTick(sql)
  const [reason, message] = ['daemon_restart', contentLost]
  for (const { id, request_id, conversation, session_id, agent_id } of rows) {
    const about = JSON.stringify({ request_id, conversation, session_id, agent_id, reason, message, error: message })
    tick += 1
    sql.run(
      "INSERT INTO events (seq, name, at, request_id, data) VALUES (?, 'completion:failed', ?, ?, ?)",
      tick,
      now,
      request_id,
      about,
    )
    sql.run("UPDATE requests SET state = 'failed', finished_at = ?, finished_tick = ? WHERE id = ?", now, tick, id)
    sql.run('INSERT OR REPLACE INTO outcomes (request, outcome) VALUES (?, ?)', id, JSON.stringify({ reason, message }))
  }
  sql.run("UPDATE totals SET n = n + ? WHERE state = 'lost'", rows.length)
  return rows.map(({ request_id }) => request_id)
}
