import type { FinalState } from '../../contracts/words.ts'
import type { Sql } from '../sql.ts'

/** How long a request with an outcome waited, and how long its last run took, in ms. */
export interface Timing {
  tick: number
  state: FinalState
  model: string
  waited_ms: number | null
  ran_ms: number | null
}

/** Those that have an outcome after that tick, oldest first. */
export function finishedAfter(sql: Sql, tick: number, limit: number): Timing[] {
  return sql.all<Timing>(
    `SELECT q.finished_tick AS tick, q.state, q.model,
       (SELECT min(started_at) FROM runs WHERE request = q.id) - q.queued_at AS waited_ms,
       (SELECT ended_at - started_at FROM runs WHERE request = q.id ORDER BY id DESC LIMIT 1) AS ran_ms
     FROM requests q INDEXED BY requests_finished
     WHERE q.finished_tick IS NOT NULL AND q.finished_tick > ? ORDER BY q.finished_tick LIMIT ?`,
    tick,
    limit,
  )
}
