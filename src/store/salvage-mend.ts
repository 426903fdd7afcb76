import { rebuildDerived } from './derived.ts'
import type { Db } from './open.ts'
import type { RequestRow } from './rows.ts'
import { Sql } from './sql.ts'

const message = 'What this request was to do stood in a damaged part of the journal; send it again'

/**
 * Brings the rows saved from a damaged journal into line with each other: what follows from the requests is worked out
 * anew, what lost its request goes, and a waiting request that lost its content is told as failed.
 * @returns the ids of those
 */
export function mendSalvaged(db: Db, now: number): string[] {
  const mend = db.transaction(() => {
    const sql = new Sql(db)
    // Content without its request would make the same id, sent again, an error. An outcome that was saved without its
    // request's end would stand in the way of the end to come.
    sql.run('DELETE FROM payloads WHERE request NOT IN (SELECT id FROM requests)')
    sql.run(
      "DELETE FROM outcomes WHERE request NOT IN (SELECT id FROM requests WHERE state NOT IN ('queued', 'processing'))",
    )
    sayWhatWasLost(sql)
    rebuildDerived(db)
    // Where the response files stand was lost: they have all but the last lines, and looking into each would take long.
    sql.run("INSERT OR IGNORE INTO cursors (name, seq, note) SELECT 'responses', tick, NULL FROM lease")
    const lost = failWithoutContent(sql, now)
    rebuildDerived(db)
    return lost
  })
  return mend()
}

/** A request that has ended keeps its end, also where what came of it was lost. */
function sayWhatWasLost(sql: Sql): void {
  const outcome = { message: 'What came of this request stood in a damaged part of the journal' }
  sql.run(
    `INSERT INTO outcomes (request, outcome) SELECT id, ? FROM requests
     WHERE state NOT IN ('queued', 'processing') AND id NOT IN (SELECT request FROM outcomes)`,
    JSON.stringify(outcome),
  )
}

function failWithoutContent(sql: Sql, now: number): string[] {
  const rows = sql.all<RequestRow>(
    "SELECT * FROM requests WHERE state = 'queued' AND id NOT IN (SELECT request FROM payloads)",
  )
  let tick = sql.value<number>('SELECT tick FROM lease') ?? 0
  const reason = 'daemon_restart'
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
