import type { ClientInfo } from '../contracts/completion.ts'
import type { OnRestart, Priority, RequestState } from '../contracts/words.ts'

/** A row of `requests` as SQLite gives it. */
export interface RequestRow {
  id: number
  request_id: string
  conversation: string
  session_id: string | null
  agent_id: string | null
  priority: Priority
  rank: number
  state: RequestState
  event: string
  model: string
  on_restart: OnRestart
  digest: string
  client: string | null
  queued_at: number
  started_at: number | null
  finished_at: number | null
  accepted_tick: number
  started_tick: number | null
  finished_tick: number | null
  not_before: number | null
  attempts: number
  in_hand: number
  crash_count: number
  run_id: string | null
  runner_id: string | null
  epoch: number | null
  resumed_from: string | null
  file_due: number
}

/** A row of `conversations`. */
export interface ConversationRow {
  conversation: string
  session_id: string | null
  agent_id: string | null
  model: string | null
  running: string | null
  head_tick: number | null
  not_before: number | null
  queued: number
  last_used_at: number
}

/** The client that sent a request, as far as it was kept. */
export function clientOf(row: Pick<RequestRow, 'client'>): ClientInfo | null {
  return row.client === null ? null : (JSON.parse(row.client) as ClientInfo | null)
}

/** Rows, without SQLite's `unknown`: the column lists stand in the statements beside each use. */
export function rowsOf<T>(value: unknown[]): T[] {
  return value as T[]
}

/** One row or undefined. */
export function rowOf<T>(value: unknown): T | undefined {
  return value as T | undefined
}
