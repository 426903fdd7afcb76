import type { Journal, JournalEvent } from './journal.ts'
import { rowOf, rowsOf } from './rows.ts'

interface EventRow {
  seq: number
  name: string
  at: number
  data: string
}

/** Reading the outbox, and keeping it and the finished requests within bounds. */
export class Events {
  readonly #after
  readonly #last
  readonly #first
  readonly #trim
  readonly #oldestKept
  readonly #oldFinished
  readonly #removals

  constructor({ db }: Journal) {
    this.#after = db.prepare('SELECT seq, name, at, data FROM events WHERE seq > ? ORDER BY seq LIMIT ?')
    this.#last = db.prepare("SELECT seq FROM sqlite_sequence WHERE name = 'events'").pluck()
    this.#first = db.prepare('SELECT min(seq) FROM events').pluck()
    this.#trim = db.prepare(
      'DELETE FROM events WHERE seq IN (SELECT seq FROM events WHERE seq <= ? ORDER BY seq LIMIT ?)',
    )
    this.#oldestKept = db
      .prepare(
        'SELECT finished_tick FROM requests INDEXED BY requests_finished WHERE finished_tick IS NOT NULL ORDER BY finished_tick DESC LIMIT 1 OFFSET ?',
      )
      .pluck()
    this.#oldFinished = db
      .prepare(
        'SELECT request_id FROM requests INDEXED BY requests_finished WHERE finished_tick IS NOT NULL AND finished_tick < ? AND file_due = 0 LIMIT ?',
      )
      .pluck()
    this.#removals = ['requests', 'payloads', 'outcomes'].map((table) =>
      db.prepare(`DELETE FROM ${table} WHERE request_id = ?`),
    )
  }

  /** Up to `limit` events after `seq`, oldest first, and no more of them once they have `maxBytes` together. */
  after(seq: number, limit: number, maxBytes = Number.POSITIVE_INFINITY): JournalEvent[] {
    const events: JournalEvent[] = []
    let bytes = 0
    for (const row of this.#after.iterate(seq, limit) as IterableIterator<EventRow>) {
      events.push({ ...row, data: JSON.parse(row.data) as Record<string, unknown> })
      bytes += row.data.length
      if (bytes >= maxBytes) break
    }
    return events
  }

  /** The seq of the newest event ever written; 0 when there is none. */
  lastSeq(): number {
    return rowOf<number>(this.#last.get()) ?? 0
  }

  /** The seq of the oldest event kept, or of the next one to come. */
  firstSeq(): number {
    return rowOf<number | null>(this.#first.get()) ?? this.lastSeq() + 1
  }

  /** Removes at most `slice` events beyond the newest `keep`. @returns how many went */
  trim(keep: number, slice: number): number {
    return this.#trim.run(this.lastSeq() - keep, slice).changes
  }

  /** Removes at most `slice` finished requests beyond the newest `keep`. @returns how many went */
  trimFinished(keep: number, slice: number): number {
    const oldest = rowOf<number>(this.#oldestKept.get(keep - 1))
    if (oldest === undefined) return 0
    const ids = rowsOf<string>(this.#oldFinished.all(oldest, slice))
    this.remove(ids)
    return ids.length
  }

  /** Removes finished requests with their payloads and outcomes. */
  remove(requestIds: string[]): void {
    for (const id of requestIds) for (const removal of this.#removals) removal.run(id)
  }
}
