import { iso } from '../../lib/time.ts'
import type { CompletionResult } from '../../contracts/completion.ts'
import type { PushData } from '../../contracts/events.ts'
import type { RunOutcome } from '../../contracts/runner.ts'
import type { FailureReason } from '../../contracts/words.ts'
import { backoffMs } from '../../lib/backoff.ts'
import { clientOf } from '../../store/rows.ts'
import type { RequestRow } from '../../store/rows.ts'
import type { RunEnd } from '../../store/runs.ts'
import type { Core } from '../core.ts'

/** Tries of one request in all, and the wait between them. */
const maxAttempts = 3
const retry = { baseMs: 500, maxMs: 30_000 }
/** After a limit of use of which the provider did not say when it is over. */
const limitRetry = { baseMs: 5_000, maxMs: 300_000 }
/** Not all that waited for the same limit are to come back in the same moment, in ms. */
const limitSpreadMs = 1_000

type Completed = Extract<RunOutcome, { status: 'completed' }>
type Failed = Extract<RunOutcome, { status: 'failed' }>

/**
 * Takes the outcome of a run into the journal. Call within a transaction, for a request that is processing this run.
 */
export function settle(core: Core, row: RequestRow, outcome: RunOutcome): void {
  if (outcome.status === 'completed') return complete(core, row, outcome)
  // The runner gave it up without being asked to for this request: it went down.
  if (outcome.status === 'aborted') lose(core, row)
  else if (outcome.limited === true) waitForLimit(core, row, outcome)
  else if (outcome.retryable && row.attempts < maxAttempts) tryAgain(core, row, outcome)
  else fail(core, row, { reason: outcome.reason, message: outcome.message })
}

function complete(core: Core, row: RequestRow, outcome: Completed): void {
  const now = Date.now()
  const sessionId = outcome.session_id ?? row.session_id ?? undefined
  const result = toResult(row, outcome, now)
  const tick = core.journal.emit(
    'completion:result',
    {
      request_id: row.request_id,
      conversation: row.conversation,
      session_id: sessionId ?? null,
      agent_id: row.agent_id,
      resumed_from: row.resumed_from ?? undefined,
      result,
    },
    row.request_id,
  )
  const handedOut = outcome.session_id !== undefined
  core.requests.finish(row.request_id, { state: 'completed', now, tick, outcome: { result }, sessionId, handedOut })
}

function toResult(row: RequestRow, outcome: Completed, now: number): CompletionResult {
  const client = clientOf(row)
  return {
    ksi: {
      provider: outcome.provider,
      request_id: row.request_id,
      timestamp: iso(now),
      duration_ms: outcome.duration_ms,
      client_id: client?.client_id ?? undefined,
      agent_id: row.agent_id ?? undefined,
      resumed_from: row.resumed_from ?? undefined,
    },
    response: outcome.response,
  }
}

function tryAgain(core: Core, row: RequestRow, outcome: Failed): void {
  const waitMs = backoffMs(row.attempts, { ...retry, retryAfterMs: outcome.retry_after_ms })
  queueFor(core, row, { outcome, waitMs, limited: false })
}

/** A limit of use passes by itself: the try does not count, and the next one waits until the limit is over. */
function waitForLimit(core: Core, row: RequestRow, outcome: Failed): void {
  const tries = core.journal.runs.countOf(row.id)
  const waitMs =
    outcome.retry_after_ms === undefined
      ? backoffMs(tries, limitRetry)
      : Math.max(limitRetry.baseMs / 5, outcome.retry_after_ms) + Math.round(Math.random() * limitSpreadMs)
  queueFor(core, row, { outcome, waitMs, limited: true })
}

function queueFor(core: Core, row: RequestRow, why: { outcome: Failed; waitMs: number; limited: boolean }): void {
  const { outcome, waitMs, limited } = why
  const now = Date.now()
  const notBefore = core.journal.clock.now() + waitMs
  const run = limited ? 'limited' : 'failed'
  core.requests.requeue(row.request_id, { notBefore, uncounted: limited, now, run })
  core.journal.emit(
    'completion:progress',
    {
      request_id: row.request_id,
      conversation: row.conversation,
      status: 'retrying',
      attempt: row.attempts,
      max_attempts: maxAttempts,
      error: outcome.message,
      ...(limited && { limited }),
      next_try_at: iso(now + waitMs),
    },
    row.request_id,
  )
}

/** Which request an event is about, and whose it is. */
export function identityOf(
  row: RequestRow,
): Pick<RequestRow, 'request_id' | 'conversation' | 'session_id' | 'agent_id'> {
  const { request_id, conversation, session_id, agent_id } = row
  return { request_id, conversation, session_id, agent_id }
}

/** What is told besides of a request that died with its runner. */
type Lost = Pick<PushData<'completion:failed'>, 'started_at' | 'client_info'>

/** Ends a request as failed. `extra` goes into the event and the outcome. */
export function fail(core: Core, row: RequestRow, end: { reason: FailureReason; message: string; extra?: Lost }): void {
  const { reason, message, extra = {} } = end
  const about: PushData<'completion:failed'> = { ...identityOf(row), reason, message, error: message, ...extra }
  const tick = core.journal.emit('completion:failed', about, row.request_id)
  // KSI's clients know what a provider did wrong under this name; what ksi itself did has only the other.
  if (reason === 'provider_error' || reason === 'timeout') core.journal.emit('completion:error', about, row.request_id)
  const outcome = { reason, message, ...extra }
  const run = reason === 'daemon_restart' ? 'lost' : 'failed'
  core.requests.finish(row.request_id, { state: 'failed', now: Date.now(), tick, outcome, run })
}

/**
 * What died with the runner: told once as `daemon_restart`, or queued again at the head where the request asked for it.
 */
export function lose(core: Core, row: RequestRow): 'lost' | 'requeued' {
  if (row.on_restart === 'requeue') {
    queueAgain(core, row, 'lost')
    return 'requeued'
  }
  core.requests.countLost()
  const extra: Lost = { started_at: row.started_at === null ? null : iso(row.started_at), client_info: clientOf(row) }
  fail(core, row, {
    reason: 'daemon_restart',
    message: 'The request was running when its runner went down; what it had done is lost',
    extra,
  })
  return 'lost'
}

/** Puts a request whose try never took place back at the head of its conversation. */
export function queueAgain(core: Core, row: RequestRow, run: RunEnd): void {
  const how = { notBefore: null, uncounted: true, now: Date.now(), run }
  if (!core.requests.requeue(row.request_id, how)) return
  core.journal.emit(
    'completion:queued',
    { ...identityOf(row), priority: row.priority, model: row.model, again: true },
    row.request_id,
  )
}
