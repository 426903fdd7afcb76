import type { Sql } from './sql.ts'

/** What of an event is read to find those that are wanted. */
export interface EventHead {
  seq: number
  name: string
  /** epoch ms */
  at: number
  request_id: string | null
  /** whom it is about; read only where that is asked for */
  agent_id: string | null
}

/** Looking for events of the past, some rows at a time. */
export class EventHeads {
  readonly #sql: Sql
  readonly #told: () => number

  /** @param told up to where followers may be told */
  constructor(sql: Sql, told: () => number) {
    this.#sql = sql
    this.#told = told
  }

  /** Events before a seq, newest first. */
  before(seq: number, limit: number, withAgents: boolean): EventHead[] {
    const agent = withAgents ? "CASE WHEN json_valid(data) THEN data ->> '$.agent_id' END" : 'NULL'
    return this.#sql.all(
      `SELECT seq, name, at, request_id, ${agent} AS agent_id FROM events WHERE seq <= ? ORDER BY seq DESC LIMIT ?`,
      Math.min(seq - 1, this.#told()),
      limit,
    )
  }

  /** The seq of the first event from a time (epoch ms) on, or of the next one to come: found by halves. */
  since(at: number): number {
    let low = this.#sql.value<number | null>('SELECT min(seq) FROM events') ?? this.#told() + 1
    let high = this.#told() + 1
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      const row = this.#sql.one<{ at: number }>('SELECT at FROM events WHERE seq >= ? ORDER BY seq LIMIT 1', middle)
      if (row === undefined || row.at >= at) high = middle
      else low = middle + 1
    }
    return low
  }
}
