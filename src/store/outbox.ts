import type { JournalEvent } from './events.ts'
import { safely } from './safely.ts'
import type { Sql } from './sql.ts'

/** Where a transaction, or a part of it, began. */
export interface OutboxMark {
  tick: number
  events: number
}

/**
 * Gives out ticks and tells of what is committed: in order, once it may be told. A tick is the seq of an event; one
 * that
 * is rolled back is given out again, one that is committed never.
 */
export class Outbox {
  readonly #sql: Sql
  /** The last tick given out. */
  #tick: number
  /** The last tick that may be told. */
  #told: number
  #fresh: JournalEvent[] = []
  /** Events of committed transactions that may not be told yet. */
  readonly #untold: { events: JournalEvent[]; tick: number }[] = []
  readonly #listeners: ((events: JournalEvent[]) => void)[] = []
  #delivering = false

  /** @param tick the last one given out by whoever wrote before */
  constructor(sql: Sql, tick: number) {
    this.#sql = sql
    this.#tick = tick
    this.#told = tick
  }

  /** Up to where followers may be told: what is beyond it may yet be lost in a power cut. */
  get told(): number {
    return this.#told
  }

  onEvents(listener: (events: JournalEvent[]) => void): void {
    this.#listeners.push(listener)
  }

  /** Writes an event, within a transaction. @returns its seq */
  emit(name: string, data: Record<string, unknown>, requestId: string | null): number {
    const at = Date.now()
    const seq = this.#tick + 1
    this.#sql.run(
      'INSERT INTO events (seq, name, at, request_id, data) VALUES (?, ?, ?, ?, ?)',
      seq,
      name,
      at,
      requestId,
      JSON.stringify(data),
    )
    this.#tick = seq
    this.#fresh.push({ seq, name, at, data })
    return seq
  }

  mark(): OutboxMark {
    return { tick: this.#tick, events: this.#fresh.length }
  }

  /** What was emitted since was rolled back. */
  backTo({ tick, events }: OutboxMark): void {
    this.#tick = tick
    this.#fresh.length = events
  }

  /** What was emitted is committed. @returns the tick up to which to `deliver` later, if there is anything to tell */
  committed(): number | undefined {
    if (this.#fresh.length === 0) return undefined
    this.#untold.push({ events: this.#fresh, tick: this.#tick })
    this.#fresh = []
    return this.#tick
  }

  /** Tells of everything up to a tick. */
  deliver(upTo: number): void {
    this.#told = Math.max(this.#told, upTo)
    // A listener that writes is no reason to tell the next one of the later first.
    if (this.#delivering) return
    this.#delivering = true
    for (let next = this.#untold[0]; next !== undefined && next.tick <= this.#told; next = this.#untold[0]) {
      this.#untold.shift()
      const { events } = next
      for (const listener of this.#listeners) safely(() => listener(events))
    }
    this.#delivering = false
  }
}
