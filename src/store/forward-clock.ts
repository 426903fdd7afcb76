import { machineBoot, uptimeMs } from '../lib/machine.ts'
import type { Cursors } from './cursors.ts'
import type { Sql } from './sql.ts'

/** Where a clock takes its time from; given by tests. */
export interface TimeSource {
  /** ms that only go forwards */
  uptimeMs: () => number
  /** epoch ms as the machine has it, which may jump */
  wallMs: () => number
  /** stands for one run of the machine; undefined where that cannot be told */
  machine: string | undefined
}

const name = 'clock'
/** The longest wait of all, by a weekly limit, and a little. */
const longestWaitMs = 9 * 86_400_000

/**
 * The journal's own clock, in epoch ms: set by the machine's at the first boot since the machine was started, and from
 * then on only going forwards, for all generations alike, whatever anybody sets the machine's to. What waits, waits by
 * this one.
 */
export class ForwardClock {
  readonly #source: TimeSource
  readonly #sql: Sql
  readonly #cursors: Cursors
  #offset = 0

  constructor(sql: Sql, cursors: Cursors, source?: TimeSource) {
    this.#source = source ?? { uptimeMs, wallMs: Date.now, machine: machineBoot() }
    this.#sql = sql
    this.#cursors = cursors
  }

  /** Takes over the clock of the generation before, or sets it anew. Call within `journal.tx`. */
  begin(): void {
    const { uptimeMs: uptime, wallMs, machine } = this.#source
    const { seq, note } = this.#cursors.get(name)
    const [before, offset] = (note ?? '').split(' ')
    this.#offset = Number(offset)
    // In some containers the uptime begins anew beside the same machine: then the clock would have gone back.
    if (note !== null && before === machine && this.now() >= seq) return
    this.#offset = Math.round(wallMs() - uptime())
    if (machine !== undefined) this.#cursors.set(name, this.now(), `${machine} ${this.#offset}`)
    this.#rebase()
  }

  /** Epoch ms. */
  now(): number {
    return Math.round(this.#source.uptimeMs() + this.#offset)
  }

  /** What the machine's clock will show at a time of this one. */
  toWall(at: number): number {
    return Math.round(at - this.now() + this.#source.wallMs())
  }

  /** Nobody is to wait longer than was meant: the machine's clock may have been behind, or ahead, before. */
  #rebase(): void {
    const waiting = this.#sql.all<{ id: number; not_before: number; ended_at: number | null }>(
      `SELECT head_tick AS id, c.not_before, (SELECT max(ended_at) FROM runs WHERE request = head_tick) AS ended_at
       FROM conversations c INDEXED BY conversations_waiting WHERE c.not_before IS NOT NULL AND busy = 0`,
    )
    for (const { id, not_before, ended_at } of waiting) {
      const meantMs = Math.min(longestWaitMs, Math.max(0, not_before - (ended_at ?? not_before)))
      if (not_before <= this.now() + meantMs) continue
      this.#sql.run('UPDATE requests SET not_before = ? WHERE id = ?', this.now() + meantMs, id)
      this.#sql.run('UPDATE conversations SET not_before = ? WHERE head_tick = ?', this.now() + meantMs, id)
    }
    // The same for what is held: from when it began, which is not ahead of now, no longer than it was to be.
    this.#sql.run(
      `UPDATE holds SET since = @now, until = CASE WHEN until > since THEN @now + until - since ELSE until END
       WHERE since > @now`,
      { now: this.now() },
    )
  }
}
