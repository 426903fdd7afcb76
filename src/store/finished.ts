import type { Sql } from './sql.ts'

/** Completed ones whose lines may not be in their files yet are never removed. */
const removable = `(q.state <> 'completed' OR q.session_id IS NULL
  OR q.finished_tick <= (SELECT coalesce((SELECT seq FROM cursors WHERE name = 'responses'), 0)))`

/** Removing finished requests, with all that belongs to them. Call within `journal.tx`. */
export class Finished {
  readonly #sql: Sql

  constructor(sql: Sql) {
    this.#sql = sql
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

  /** Removes all that failed, or all there are. */
  clear(filter: 'failed' | 'all'): { removed: number; remaining: number } {
    const which = filter === 'failed' ? "q.state = 'failed'" : 'q.finished_tick IS NOT NULL'
    // A cancelled one whose run goes on still says whose conversation that run keeps busy.
    const removed = this.#remove(
      this.#sql.values<number>(`SELECT id FROM requests q WHERE ${which} AND ${removable}
        AND NOT EXISTS (SELECT 1 FROM runs WHERE request = q.id AND ended_at IS NULL)`),
    )
    return { removed, remaining: this.#sql.value<number>('SELECT count(*) FROM requests') ?? 0 }
  }

  #remove(ids: number[]): number {
    for (const id of ids) {
      this.#sql.run('DELETE FROM requests WHERE id = ?', id)
      this.#sql.run('DELETE FROM payloads WHERE request = ?', id)
      this.#sql.run('DELETE FROM outcomes WHERE request = ?', id)
      this.#sql.run('DELETE FROM runs WHERE request = ?', id)
    }
    return ids.length
  }
}
