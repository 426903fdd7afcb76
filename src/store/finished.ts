import type { Removed } from './removed.ts'
import type { RequestRow } from './rows.ts'
import { requestsWithRun } from './rows.ts'
import type { Sql } from './sql.ts'

/** Completed ones whose lines may not be in their files yet are never removed. */
const removable = `(q.state <> 'completed' OR q.session_id IS NULL
  OR q.finished_tick <= (SELECT coalesce((SELECT seq FROM cursors WHERE name = 'responses'), 0)))`

/** Removing finished requests, with all that belongs to them. Call within `journal.tx`. */
export class Finished {
  readonly #sql: Sql
  readonly #removed: Removed

  constructor(sql: Sql, removed: Removed) {
    this.#sql = sql
    this.#removed = removed
  }

  /** Removes at most `slice` of them beyond the newest `keep`. @returns how many went */
  trim(keep: number, slice: number): number {
    const oldest = this.#sql.value<number>(
      `SELECT finished_tick FROM requests INDEXED BY requests_finished WHERE finished_tick IS NOT NULL
       ORDER BY finished_tick DESC LIMIT 1 OFFSET ?`,
      keep - 1,
    )
    if (oldest === undefined) return 0
    return this.#remove(
      this.#sql.values<number>(
        `SELECT id FROM requests q INDEXED BY requests_finished
         WHERE finished_tick IS NOT NULL AND finished_tick < ? AND ${removable} LIMIT ?`,
        oldest,
        slice,
      ),
    )
  }

  /**
   * Looks at the next `slice` of them, behind the one that ended at the tick `after`, and removes those that failed, or
   * all. @returns how many went, and where to go on; none when that is all
   */
  clear(filter: 'failed' | 'all', after: number, slice: number): { removed: number; next: number | undefined } {
    // A cancelled one whose run goes on still says whose conversation that run keeps busy.
    const rows = this.#sql.all<{ id: number; tick: number; goes: 0 | 1 }>(
      `SELECT id, finished_tick AS tick, (q.state = 'failed' OR ? = 'all') AND ${removable}
         AND NOT EXISTS (SELECT 1 FROM runs WHERE request = q.id AND ended_at IS NULL) AS goes
       FROM requests q INDEXED BY requests_finished WHERE finished_tick > ? ORDER BY finished_tick LIMIT ?`,
      filter,
      after,
      slice,
    )
    const removed = this.#remove(rows.filter(({ goes }) => goes === 1).map(({ id }) => id))
    return { removed, next: rows.length < slice ? undefined : rows.at(-1)?.tick }
  }

  /** The tick of the newest outcome. */
  newest(): number {
    return (
      this.#sql.value<number>(
        `SELECT finished_tick FROM requests INDEXED BY requests_finished WHERE finished_tick IS NOT NULL
         ORDER BY finished_tick DESC LIMIT 1`,
      ) ?? 0
    )
  }

  /** Those that failed after a tick. */
  failedAfter(tick: number): RequestRow[] {
    return this.#sql.all(
      `${requestsWithRun} WHERE q.finished_tick > ? AND q.state = 'failed' ORDER BY q.finished_tick`,
      tick,
    )
  }

  /** How many requests there are. */
  remaining(): number {
    return this.#sql.value<number>('SELECT count(*) FROM requests') ?? 0
  }

  #remove(ids: number[]): number {
    this.#removed.take(ids)
    return ids.length
  }
}
