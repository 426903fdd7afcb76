import type { Sql } from './sql.ts'

/** A request as a checkpoint shows it: as it was at a tick, whatever has become of it. */
export interface Shown {
  /** the tick of its acceptance */
  id: number
  request_id: string
  conversation: string
  /** the session its conversation went on from, or the conversation's own name before it had one */
  session: string
  /** its place in its conversation, before the tick of its acceptance */
  rank: number
  /** it is in no list any more */
  removed: 0 | 1
  /** what was asked for, as JSON */
  data: string
}

/** Rows looked at in one go: a few ms. */
const page = 1_000

const session = `coalesce(nullif(coalesce(
    (SELECT coalesce(session_id, '') FROM earlier_sessions e
     WHERE e.conversation = r.conversation AND e.until > @tick ORDER BY until LIMIT 1),
    c.session_id), ''), r.conversation)`

/** What had begun before was queued again, at the head. */
const rank = (begun: string): string => `CASE WHEN ${begun} THEN 0 WHEN r.priority = 'INJECT' THEN 1 ELSE 2 END`
const open = 'r.id > @after AND r.id <= @last AND (r.finished_tick IS NULL OR r.finished_tick > @tick)'
const there = `SELECT r.id, r.request_id, r.conversation, ${session} AS session, 0 AS removed,
    ${rank('EXISTS (SELECT 1 FROM runs u WHERE u.request = r.id AND u.id <= @tick)')} AS rank, p.data
  FROM requests r JOIN payloads p ON p.request = r.id LEFT JOIN conversations c USING (conversation)
  WHERE ${open}`
const gone = `SELECT r.id, r.request_id, r.conversation, ${session} AS session, 1 AS removed,
    ${rank('r.first_run <= @tick')} AS rank, r.data
  FROM removed r LEFT JOIN conversations c USING (conversation)
  WHERE ${open}`

/**
 * What was accepted and not finished at a tick, oldest first, in pages that each take a few ms whatever there is; a
 * page may be empty. Other work may be done between two of them.
 * @param after begins behind the request of this tick
 */
export function* cutAt(sql: Sql, tick: number, after = 0): Generator<Shown[], void> {
  for (let from = after; ;) {
    const last = sql.value<number | null>(
      `SELECT max(id) FROM (
         SELECT id FROM (SELECT id FROM requests WHERE id > @from AND id <= @tick ORDER BY id LIMIT @page)
         UNION ALL SELECT id FROM (SELECT id FROM removed WHERE id > @from AND id <= @tick ORDER BY id LIMIT @page)
         ORDER BY id LIMIT @page)`,
      { from, tick, page },
    )
    if (last === null || last === undefined) return
    yield sql.all<Shown>(`${there} UNION ALL ${gone} ORDER BY 1`, { after: from, last, tick })
    from = last
  }
}
