import type { ListedRequest, RequestDetail, RequestRun } from '../../contracts/listed.ts'
import type { RequestState } from '../../contracts/words.ts'
import { lastText } from '../../lib/prompt.ts'
import { iso, isoOrNull } from '../../lib/time.ts'
import type { RequestRow } from '../rows.ts'
import { clientOf, requestsWithRun } from '../rows.ts'
import type { Sql } from '../sql.ts'
import type { StoredOutcome } from '../stored.ts'
import { contentLost, outcomeLost, readStored } from '../stored.ts'
import { TokenUsage } from '../usage.ts'
import { historyOf } from './history.ts'
import { searching } from './search.ts'

export interface RequestQuery {
  state?: RequestState | undefined
  /** part of an id, a conversation, an agent or of what was asked */
  q?: string | undefined
  conversation?: string | undefined
  /** only those accepted before this tick */
  before?: number | undefined
  limit: number
}

/** A page of a listing, newest first. */
export interface Page<T> {
  found: T[]
  /** where the next page begins; null: this was the last */
  next: number | null
  /** rows that were looked at, whether they fit or not */
  looked: number
}

type Row = RequestRow & { data: string | null; outcome: string | null }

/** What of a prompt a listing shows, in characters, and up to which size it is read for that, in bytes. */
const shown = 240
const readBytes = 65_536
/** Waiting and running ones are found by their index while there are no more than this. */
const fewQueued = 5_000

const payload = (bytes: string): string =>
  `CASE WHEN octet_length(p.data) <= ${bytes} AND json_valid(p.data) THEN p.data END AS data`

/** Requests as the page and the API show them: each page is bounded in rows that are read. */
export class RequestViews {
  readonly #sql: Sql
  readonly #usage: TokenUsage

  constructor(sql: Sql) {
    this.#sql = sql
    this.#usage = new TokenUsage(sql)
  }

  /** The newest requests that fit, newest first. */
  list(query: RequestQuery): Page<ListedRequest> {
    const { ids, ...page } = searching(this.#candidates(query), query.limit)
    return { ...page, found: ids.map((id) => this.#listed(id)).filter((row) => row !== undefined) }
  }

  /** One request with all there is of it. */
  get(requestId: string): RequestDetail | undefined {
    const row = this.#sql.one<Row>(
      `SELECT r.*, p.data, o.outcome FROM (${requestsWithRun} WHERE q.request_id = ?) r
       LEFT JOIN payloads p ON p.request = r.id LEFT JOIN outcomes o ON o.request = r.id`,
      requestId,
    )
    if (row === undefined) return undefined
    const asked = readStored<Asked | null, null>(row.data, null)
    const outcome =
      row.outcome === null ? {} : readStored<StoredOutcome, StoredOutcome>(row.outcome, { message: outcomeLost })
    const runs = this.#runs(row.id)
    return {
      ...toListed(row),
      prompt: asked === null ? contentLost : lastText(asked),
      asked: asked ?? {},
      result: outcome.result ?? null,
      reason: outcome.reason ?? null,
      message: outcome.message ?? null,
      partial: outcome.partial ?? null,
      on_restart: row.on_restart,
      crash_count: row.crash_count,
      resumed_from: row.resumed_from,
      client: clientOf(row),
      usage: this.#usage.ofRequest(row) ?? null,
      runs,
      history: historyOf(this.#sql, row, runs),
    }
  }

  /** The ids of those that may fit, newest first, each with whether it does. */
  #candidates(query: RequestQuery): IterableIterator<{ id: number; fits: number }> {
    const { state, q, conversation, before = Number.MAX_SAFE_INTEGER } = query
    const where = ['q.id < @before', conversation === undefined ? '1' : 'q.conversation = @conversation']
    const fits = [state === undefined ? '1' : 'q.state = @state', q === undefined ? '1' : matches]
    const source = this.#sourceOf(query)
    return this.#sql.iterate(
      `SELECT q.id, ${fits.join(' AND ')} AS fits FROM ${source}
       ${q === undefined ? '' : 'LEFT JOIN payloads p ON p.request = q.id'}
       WHERE ${where.join(' AND ')}${source.includes('requests_queue') ? " AND q.state = 'queued'" : ''}
       ORDER BY q.id DESC`,
      { before, conversation: conversation ?? '', state: state ?? '', q: q?.toLowerCase() ?? '' },
    )
  }

  #sourceOf({ state, conversation }: RequestQuery): string {
    if (conversation !== undefined) return 'requests q INDEXED BY requests_of_conversation'
    if (state === 'processing')
      return `(SELECT r.* FROM runs u INDEXED BY runs_unfinished JOIN requests r ON r.id = u.request
        WHERE u.ended_at IS NULL) q`
    const queued = this.#sql.value<number>("SELECT n FROM totals WHERE state = 'queued'") ?? 0
    return state === 'queued' && queued <= fewQueued ? 'requests q INDEXED BY requests_queue' : 'requests q'
  }

  #listed(id: number): ListedRequest | undefined {
    const row = this.#sql.one<Row>(
      `SELECT r.*, ${payload(String(readBytes))},
         CASE WHEN r.state <> 'completed' AND octet_length(o.outcome) <= ${readBytes} THEN o.outcome END AS outcome
       FROM (${requestsWithRun} WHERE q.id = ?) r
       LEFT JOIN payloads p ON p.request = r.id LEFT JOIN outcomes o ON o.request = r.id`,
      id,
    )
    return row === undefined ? undefined : toListed(row)
  }

  #runs(request: number): RequestRun[] {
    const rows = this.#sql.all<RunRow>(
      `SELECT id, run_id, attempt, runner_id, epoch, started_at, ended_at, "end", usage FROM runs
       WHERE request = ? ORDER BY id LIMIT 200`,
      request,
    )
    return rows.map(({ id, epoch, started_at, ended_at, usage, ...row }) => ({
      ...row,
      tick: id,
      generation: epoch,
      started_at: iso(started_at),
      ended_at: isoOrNull(ended_at),
      usage: readStored<RequestRun['usage'], null>(usage, null),
    }))
  }
}

interface Asked extends Record<string, unknown> {
  prompt?: string
  messages?: { role: string; content: unknown }[]
}

interface RunRow {
  id: number
  run_id: string
  attempt: number
  runner_id: string | null
  epoch: number | null
  started_at: number
  ended_at: number | null
  end: string | null
  usage: string | null
}

/** Whether a request has the text in one of its names, or in what was asked. */
const matches = `(instr(lower(q.request_id || ' ' || q.conversation || ' ' || coalesce(q.session_id, '') || ' ' ||
  coalesce(q.agent_id, '') || ' ' || q.model), @q) > 0
  OR (octet_length(p.data) <= ${readBytes} AND instr(lower(p.data), @q) > 0))`

function toListed(row: Row): ListedRequest {
  const asked = readStored<Asked | null, null>(row.data, null)
  const { reason = null, message = null } = readStored<StoredOutcome, StoredOutcome>(row.outcome, {})
  return {
    request_id: row.request_id,
    tick: row.id,
    state: row.state,
    conversation: row.conversation,
    session_id: row.session_id,
    agent_id: row.agent_id,
    priority: row.priority,
    model: row.model,
    attempts: row.attempts,
    queued_at: iso(row.queued_at),
    started_at: isoOrNull(row.started_at),
    finished_at: isoOrNull(row.finished_at),
    next_try_at: isoOrNull(row.state === 'queued' ? row.not_before : null),
    prompt: asked === null ? null : lastText(asked).slice(0, shown),
    reason,
    message: message?.slice(0, shown) ?? null,
  }
}
