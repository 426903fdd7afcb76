import type { ListedEvent } from '../../contracts/listed.ts'
import { parseObject } from '../../lib/ndjson.ts'
import { iso } from '../../lib/time.ts'
import type { Sql } from '../sql.ts'
import type { Page } from './requests.ts'
import { searching } from './search.ts'

export interface EventQuery {
  /** a part of the name, or of the id of the request it is about */
  q?: string | undefined
  /** only events before this one */
  before?: number | undefined
  limit: number
}

interface EventRow {
  seq: number
  name: string
  at: number
  request_id: string | null
  data: string | null
  bytes: number
}

/** Data above this is not shown in a listing, in bytes. */
const shownBytes = 16_384
const columns = `seq, name, at, request_id, octet_length(data) AS bytes,
  CASE WHEN octet_length(data) <= ${shownBytes} THEN data END AS data`

/** The outbox as the page and the API show it. */
export class EventViews {
  readonly #sql: Sql

  constructor(sql: Sql) {
    this.#sql = sql
  }

  /** The newest that fit, newest first. */
  list({ q, before = Number.MAX_SAFE_INTEGER, limit }: EventQuery): Page<ListedEvent> {
    const rows = this.#sql.iterate<{ id: number; fits: number }>(
      `SELECT seq AS id, @q = '' OR instr(lower(name || ' ' || coalesce(request_id, '')), @q) > 0 AS fits
       FROM events WHERE seq < @before ORDER BY seq DESC`,
      { before, q: q?.toLowerCase() ?? '' },
    )
    const { ids, ...page } = searching(rows, limit)
    const found = ids.map((id) => this.#sql.one<EventRow>(`SELECT ${columns} FROM events WHERE seq = ?`, id))
    return { ...page, found: found.filter((row) => row !== undefined).map(toListed) }
  }

  /** Up to `limit` events after `seq`, oldest first. */
  after(seq: number, limit: number): ListedEvent[] {
    return this.#sql
      .all<EventRow>(`SELECT ${columns} FROM events WHERE seq > ? ORDER BY seq LIMIT ?`, seq, limit)
      .map(toListed)
  }

  /** The numbers of the oldest and the newest there are; 0 without any. */
  bounds(): { first: number; last: number } {
    const first = this.#sql.value<number | null>('SELECT min(seq) FROM events') ?? 0
    return { first, last: this.#sql.value<number | null>('SELECT max(seq) FROM events') ?? 0 }
  }
}

function toListed({ seq, name, at, request_id, data, bytes }: EventRow): ListedEvent {
  return { seq, name, at: iso(at), request_id, data: data === null ? null : (parseObject(data) ?? null), bytes }
}
