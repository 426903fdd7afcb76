import type { RequestState } from '../contracts/words.ts'
import { parseObject } from '../lib/ndjson.ts'
import type { RequestRow } from './rows.ts'
import type { Sql } from './sql.ts'

/** An event of the outbox. */
export interface JournalEvent {
  seq: number
  name: string
  /** epoch ms */
  at: number
  data: Record<string, unknown>
}

type EventRow = Omit<JournalEvent, 'data'> & { request_id: string | null; data: string }

type AboutRequest = Pick<
  RequestRow,
  'request_id' | 'conversation' | 'session_id' | 'agent_id' | 'priority' | 'model'
> & {
  was: RequestState
  outcome: string | null
}

const aboutRequest = `SELECT request_id, conversation, session_id, agent_id, priority, model, outcome,
    CASE attempts WHEN 0 THEN 'queued' ELSE 'processing' END AS was
  FROM requests LEFT JOIN outcomes ON request = id WHERE request_id = ?`

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
    const rows: EventRow[] = []
    let bytes = 0
    for (const row of this.#sql.iterate<EventRow>(
      'SELECT seq, name, at, request_id, data FROM events WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?',
      seq,
      this.#told(),
      limit,
    )) {
      rows.push(row)
      bytes += row.data.length
      if (bytes >= maxBytes) break
    }
    return rows.map(({ request_id, ...row }) => ({
      ...row,
      data: this.#read(row.data) ?? this.#again(row.name, request_id),
    }))
  }

  /** An empty object of a request's event is what a salvage has put in place of what was garbled. */
  #read(data: string): JournalEvent['data'] | undefined {
    return data === '{}' ? undefined : parseObject(data)
  }

  /** What cannot be read of an event, from the request it tells of: whoever follows is not stopped by it. */
  #again(name: string, requestId: string | null): JournalEvent['data'] {
    const row = requestId === null ? undefined : this.#sql.one<AboutRequest>(aboutRequest, requestId)
    if (row === undefined) return requestId === null ? {} : { request_id: requestId }
    const { outcome, priority, model, was, ...identity } = row
    const end = parseObject(outcome ?? '') ?? {}
    if (name === 'completion:queued') return { ...identity, priority, model }
    if (name === 'completion:result') return { ...identity, ...end }
    if (name === 'completion:cancelled') return { ...identity, was }
    return name === 'completion:failed' || name === 'completion:error'
      ? { ...identity, ...end, error: end['message'] }
      : identity
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
