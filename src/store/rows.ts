import type { ClientInfo } from '../contracts/completion.ts'
import type { OnFailure } from '../contracts/holds.ts'
import { readStored } from './stored.ts'
import type { OnRestart, Priority, RequestState } from '../contracts/words.ts'

/** A row of `requests` with its newest run, while it is not queued. */
export interface RequestRow {
  /** the tick of its acceptance */
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
  /** null: as its conversation */
  on_failure: OnFailure | null
  digest: string
  client: string | null
  queued_at: number
  finished_at: number | null
  finished_tick: number | null
  not_before: number | null
  attempts: number
  crash_count: number
  resumed_from: string | null
  run_id: string | null
  runner_id: string | null
  started_at: number | null
}

/** The columns of a `RequestRow`: `q` are the requests, `u` their runs. */
export const requestColumns = 'q.*, u.run_id, u.runner_id, u.started_at'

/** Requests with their newest run; a `WHERE` over `q` may follow. */
export const requestsWithRun = `SELECT ${requestColumns} FROM requests q LEFT JOIN runs u
  ON q.state <> 'queued' AND u.id = (SELECT max(id) FROM runs WHERE request = q.id)`

/** A row of `conversations`, with the request whose run has not ended. */
export interface ConversationRow {
  conversation: string
  session_id: string | null
  agent_id: string | null
  model: string | null
  head_tick: number | null
  not_before: number | null
  lane: string | null
  busy: number
  queued: number
  last_used_at: number
  running: string | null
}

/** The column `running` of a `ConversationRow`; `c` are the conversations. */
export const runningColumn = `(SELECT r.request_id FROM runs u JOIN requests r ON r.id = u.request
  WHERE u.conversation = c.conversation AND u.ended_at IS NULL) AS running`

/** The client that sent a request, as far as it was kept. */
export function clientOf(row: Pick<RequestRow, 'client'>): ClientInfo | null {
  return readStored<ClientInfo | null, null>(row.client, null)
}
