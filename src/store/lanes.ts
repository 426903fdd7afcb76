import type { Sql } from './sql.ts'

/** The lane of a request, by its column `model`. A provider is what stands before a model's first slash. */
export const laneOfModel = `(SELECT provider FROM lanes WHERE provider =
  CASE instr(model, '/') WHEN 0 THEN model ELSE substr(model, 1, instr(model, '/') - 1) END)`

/** Sets head, wait and lane of a conversation from its queue: a part of an UPDATE. @param name its name, in SQL */
export const headOfQueue = (name: string): string => `(head_tick, not_before, lane) =
  (SELECT id, not_before, ${laneOfModel} FROM requests INDEXED BY requests_queue
    WHERE conversation = ${name} AND state = 'queued' ORDER BY rank, id LIMIT 1)`

/** Providers that may run so many requests at once, and how many of them run. */
export class Lanes {
  readonly #sql: Sql

  constructor(sql: Sql) {
    this.#sql = sql
  }

  /**
   * From now on these providers have lanes. Whoever has no other than before has nothing to do; else every conversation
   * that waits is put where it belongs. Call within `journal.tx`.
   */
  set(providers: readonly string[]): void {
    const before = this.#sql.values<string>('SELECT provider FROM lanes ORDER BY provider')
    if (before.join('\n') === [...providers].sort().join('\n')) return
    this.#sql.run('DELETE FROM lanes')
    for (const provider of providers) this.#sql.run('INSERT INTO lanes (provider) VALUES (?)', provider)
    this.#sql.run(
      `UPDATE conversations SET lane = (SELECT ${laneOfModel} FROM requests WHERE id = head_tick)
       WHERE head_tick IS NOT NULL`,
    )
  }

  /** How many runs of a lane have not ended. */
  running(lane: string): number {
    return (
      this.#sql.value<number>(
        `SELECT count(*) FROM runs u INDEXED BY runs_unfinished JOIN requests q ON q.id = u.request
         WHERE u.ended_at IS NULL AND (q.model = ? OR substr(q.model, 1, length(?) + 1) = ? || '/')`,
        lane,
        lane,
        lane,
      ) ?? 0
    )
  }
}
