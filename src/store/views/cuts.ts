import type { CheckpointView, CutDifference } from '../../contracts/listed.ts'
import type { CheckpointSummary } from '../../contracts/checkpoint.ts'
import { checkpoints } from '../checkpoints.ts'
import type { Sql } from '../sql.ts'
import { readStored } from '../stored.ts'
import { searching } from './search.ts'

/** Ids a list holds at most. */
const most = 500

interface Cut {
  id: number
  tick: number
  active: Set<string>
}

/** Checkpoints as the page and the API show them: by the ticks of the requests, and each list bounded. */
export class CutViews {
  readonly #sql: Sql

  constructor(sql: Sql) {
    this.#sql = sql
  }

  list(limit: number): CheckpointSummary[] {
    return checkpoints(this.#sql, limit)
  }

  /** A checkpoint with the ids of what ran, and of what was queued, oldest first. */
  get(id: number): CheckpointView | undefined {
    const cut = this.#cut(id)
    const summary = checkpoints(this.#sql, 1, id)[0]
    if (cut === undefined || summary === undefined) return undefined
    const rows = this.#sql.iterate<{ id: number; fits: number }>(
      `SELECT id, finished_tick IS NULL OR finished_tick > @tick AS fits FROM requests
       WHERE id <= @tick ORDER BY id DESC`,
      { tick: cut.tick },
    )
    const { ids, next } = searching(rows, most)
    const queued = ids
      .map((at) => this.#sql.value<string>('SELECT request_id FROM requests WHERE id = ?', at))
      .filter((name) => name !== undefined && !cut.active.has(name))
    return {
      ...summary,
      running_ids: [...cut.active].slice(0, most),
      queued_ids: queued.toReversed() as string[],
      cut_short: next !== null,
    }
  }

  /** What changed from one checkpoint to another. */
  compare(from: number, to: number): CutDifference | undefined {
    const [a, b] = [this.#cut(from), this.#cut(to)]
    if (a === undefined || b === undefined) return undefined
    if (a.tick <= b.tick) return { from, to, ...this.#forward(a, b) }
    const { added, finished, started, queued_again, cut_short } = this.#forward(b, a)
    return { from, to, added: finished, finished: added, started: queued_again, queued_again: started, cut_short }
  }

  #forward(a: Cut, b: Cut): Omit<CutDifference, 'from' | 'to'> {
    const between = { from: a.tick, to: b.tick, limit: most + 1 }
    const added = this.#sql.values<string>(
      `SELECT request_id FROM requests WHERE id > @from AND id <= @to
       AND (finished_tick IS NULL OR finished_tick > @to) ORDER BY id LIMIT @limit`,
      between,
    )
    const finished = this.#sql.values<string>(
      `SELECT request_id FROM requests INDEXED BY requests_finished WHERE finished_tick IS NOT NULL
       AND finished_tick > @from AND finished_tick <= @to AND id <= @from ORDER BY finished_tick LIMIT @limit`,
      between,
    )
    const wasThere = (name: string): boolean => this.#tickOf(name) <= a.tick
    const started = [...b.active].filter((name) => !a.active.has(name) && wasThere(name))
    const queuedAgain = [...a.active].filter((name) => !b.active.has(name) && this.#isOpenAt(name, b.tick))
    return {
      added: added.slice(0, most),
      finished: finished.slice(0, most),
      started,
      queued_again: queuedAgain,
      cut_short: added.length > most || finished.length > most,
    }
  }

  #cut(id: number): Cut | undefined {
    const row = this.#sql.one<{ tick: number; active: string }>('SELECT tick, active FROM checkpoints WHERE id = ?', id)
    if (row === undefined) return undefined
    const active = readStored<({ request_id: string } | string)[], []>(row.active, [])
    return {
      id,
      tick: row.tick,
      active: new Set(active.map((one) => (typeof one === 'string' ? one : one.request_id))),
    }
  }

  #tickOf(requestId: string): number {
    return this.#sql.value<number>('SELECT id FROM requests WHERE request_id = ?', requestId) ?? Infinity
  }

  #isOpenAt(requestId: string, tick: number): boolean {
    const text = 'SELECT 1 FROM requests WHERE request_id = ? AND (finished_tick IS NULL OR finished_tick > ?)'
    return this.#sql.value<number>(text, requestId, tick) !== undefined
  }
}
