import { KsiError } from '../lib/errors.ts'
import type { Sql } from './sql.ts'
import { readStored } from './stored.ts'

/** How many replies are kept: far more than can be unanswered when a generation dies. */
const kept = 50_000

/** Replies to events that changed the journal, by `_event_id`: one sent again is answered from here, not run again. */
export class Replies {
  readonly #sql: Sql

  constructor(sql: Sql) {
    this.#sql = sql
  }

  /**
   * The results an event was answered with, or undefined when it was never run.
   * @throws KsiError KSI_DB_DAMAGED when it was run, and the results cannot be read any more
   */
  get(eventId: string): unknown[] | undefined {
    const text = this.#sql.value<string>('SELECT reply FROM replies WHERE event_id = ?', eventId)
    if (text === undefined) return undefined
    const results = readStored<unknown[], undefined>(text, undefined)
    if (Array.isArray(results)) return results
    const where = 'Its reply stood in a damaged part of the journal: ask for the state of what it was about.'
    throw new KsiError('KSI_DB_DAMAGED', `This event was run, and is not run again. ${where}`)
  }

  /** Keeps the results, in the transaction that made them. */
  put(eventId: string, results: unknown[]): void {
    this.#sql.run(
      'INSERT INTO replies (event_id, reply) VALUES (?, ?) ON CONFLICT DO NOTHING',
      eventId,
      JSON.stringify(results),
    )
  }

  /** @returns how many went */
  trim(slice: number): number {
    return this.#sql.run(
      'DELETE FROM replies WHERE id IN (SELECT id FROM replies WHERE id <= (SELECT max(id) FROM replies) - ? LIMIT ?)',
      kept,
      slice,
    )
  }
}
