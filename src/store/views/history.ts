import type { HistoryEntry, RequestRun } from '../../contracts/listed.ts'
import { parseObject } from '../../lib/ndjson.ts'
import { iso } from '../../lib/time.ts'
import type { RequestRow } from '../rows.ts'
import type { Sql } from '../sql.ts'

/** Events of one request that are shown at most, and the time their search may take, in ms. */
const mostEvents = 200
const budgetMs = 60

/**
 * What became of a request, step by step. The rows of the request and its runs are there as long as it is kept; what
 * only the outbox tells (why a try was not the last) is there as long as its events are.
 */
export function historyOf(sql: Sql, row: RequestRow, runs: readonly RequestRun[]): HistoryEntry[] {
  const entries: HistoryEntry[] = [{ tick: row.id, at: iso(row.queued_at), what: 'accepted', detail: row.priority }]
  for (const { tick, started_at, ended_at, attempt, runner_id, end } of runs) {
    const by = runner_id === null ? '' : `, in runner ${runner_id}`
    entries.push({ tick, at: started_at, what: 'started', detail: `attempt ${attempt}${by}` })
    if (ended_at !== null) entries.push({ tick: null, at: ended_at, what: 'run ended', detail: end })
  }
  entries.push(...toldOf(sql, row))
  if (row.finished_at !== null)
    entries.push({ tick: row.finished_tick, at: iso(row.finished_at), what: row.state, detail: null })
  return entries.toSorted((a, b) => a.at.localeCompare(b.at) || (a.tick ?? 0) - (b.tick ?? 0))
}

/** The events of a request lie between the tick of its acceptance and that of its outcome. */
function toldOf(sql: Sql, row: RequestRow): HistoryEntry[] {
  const until = performance.now() + budgetMs
  const entries: HistoryEntry[] = []
  let looked = 0
  const events = sql.iterate<{ seq: number; at: number; name: string; data: string | null }>(
    `SELECT seq, at, name, CASE WHEN request_id = @request_id AND octet_length(data) < 16384 THEN data END AS data
     FROM events WHERE seq > @from AND seq < @to ORDER BY seq`,
    { request_id: row.request_id, from: row.id, to: row.finished_tick ?? Number.MAX_SAFE_INTEGER },
  )
  for (const { seq, at, name, data } of events) {
    looked += 1
    if (entries.length >= mostEvents || (looked % 256 === 0 && performance.now() > until)) break
    const told = data === null ? undefined : wordsOf(name, parseObject(data) ?? {})
    if (told !== undefined) entries.push({ tick: seq, at: iso(at), ...told })
  }
  return entries
}

function wordsOf(name: string, data: Record<string, unknown>): Pick<HistoryEntry, 'what' | 'detail'> | undefined {
  if (name === 'completion:queued') return { what: 'queued again', detail: null }
  if (name !== 'completion:progress' || data['status'] !== 'retrying') return undefined
  const what = data['limited'] === true ? 'waits for a limit' : 'tries again'
  return { what, detail: typeof data['error'] === 'string' ? data['error'] : null }
}
