import type { Journal } from './journal.ts'
import { rowOf } from './rows.ts'

/** How many replies are kept: far more than can be unanswered when a generation dies. */
const kept = 50_000

/** Replies to events that changed the journal, by `_event_id`: one sent again is answered from here, not run again. */
export class Replies {
  readonly #get
  readonly #put
  readonly #trim

  constructor({ db }: Journal) {
    this.#get = db.prepare('SELECT reply FROM replies WHERE event_id = ?').pluck()
    this.#put = db.prepare('INSERT INTO replies (event_id, reply) VALUES (?, ?) ON CONFLICT DO NOTHING')
    this.#trim = db.prepare(
      'DELETE FROM replies WHERE id IN (SELECT id FROM replies WHERE id <= (SELECT max(id) FROM replies) - ? LIMIT ?)',
    )
  }

  /** The results an event was answered with, or undefined when it was never run. */
  get(eventId: string): unknown[] | undefined {
    const text = rowOf<string>(this.#get.get(eventId))
    return text === undefined ? undefined : (JSON.parse(text) as unknown[])
  }

  /** Keeps the results, in the transaction that made them. */
  put(eventId: string, results: unknown[]): void {
    this.#put.run(eventId, JSON.stringify(results))
  }

  /** @returns how many went */
  trim(slice: number): number {
    return this.#trim.run(kept, slice).changes
  }
}
