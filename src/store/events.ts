import type { Sql } from './sql.ts'

/** An event of the outbox. */
export interface JournalEvent {
  seq: number
  name: string
  /** epoch ms */
  at: number
  data: Record<string, unknown>
}

/** Reading the outbox, and keeping it and the finished requests within bounds. */
export class Events {
  readonly #sql: Sql
  readonly #told: () => number

  /** @param told up to where followers may be told: what is beyond it may yet be lost in a power cut */
  constructor(sql: Sql, told: () => number) {
    this.#sql = sql
    this.#told = told
  }

  /** Up to `limit` events after `seq`, oldest first, and no more of them once they have `maxBytes` together. */
  after(seq: number, limit: number, maxBytes = Number.POSITIVE_INFINITY): JournalEvent[] {
    const events: JournalEvent[] = []
    let bytes = 0
    for (const row of this.#sql.iterate<Omit<JournalEvent, 'data'> & { data: string }>(
      'SELECT seq, name, at, data FROM events WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?',
      seq,
      this.#told(),
      limit,
    )) {
      events.push({ ...row, data: JSON.parse(row.data) as Record<string, unknown> })
      bytes += row.data.length
      if (bytes >= maxBytes) break
    }
    return events
  }

  /** The seq of the newest event that followers may be told of; 0 when there is none. */
  lastSeq(): number {
    return this.#told()
  }

  /** The seq of the oldest event kept, or of the next one to come. */
  firstSeq(): number {
    return this.#sql.value<number | null>('SELECT min(seq) FROM events') ?? this.#told() + 1
  }

  /** Removes at most `slice` events beyond the newest `keep`. @returns how many went */
  trim(keep: number, slice: number): number {
    const last = this.#sql.value<number | null>('SELECT max(seq) FROM events') ?? 0
    const oldest = this.#sql.value<number | null>('SELECT min(seq) FROM events') ?? 0
    const limit = Math.min(last - keep, oldest + slice - 1)
    if (limit < oldest || oldest === 0) return 0
    // A number is never given out again, even if all events go.
    this.#sql.run('UPDATE lease SET tick = ? WHERE tick < ?', last, last)
    return this.#sql.run('DELETE FROM events WHERE seq <= ?', limit)
  }
}
