import { iso } from '../../lib/time.ts'
import type { CompletionResult } from '../../contracts/completion.ts'
import type { PushData } from '../../contracts/events.ts'
import { providerName } from '../../contracts/providers.ts'
import type { RunOutcome } from '../../contracts/runner.ts'
import type { Usage } from '../../contracts/usage.ts'
import type { FailureReason } from '../../contracts/words.ts'
import { backoffMs } from '../../lib/backoff.ts'
import { clientOf } from '../../store/rows.ts'
import type { RequestRow } from '../../store/rows.ts'
import type { RunEnd } from '../../store/runs.ts'
import { contentLost } from '../../store/stored.ts'
import type { Core } from '../core.ts'
import type { Refusal } from './hold-desk.ts'

/** Tries of one request in all, and the wait between them. */
const maxAttempts = 3
const retry = { baseMs: 500, maxMs: 30_000 }

type Completed = Extract<RunOutcome, { status: 'completed' }>
type Failed = Extract<RunOutcome, { status: 'failed' }>

/**
 * Takes the outcome of a run into the journal. Call within a transaction, for a request that is processing this run.
 */
export function settle(core: Core, row: RequestRow, outcome: RunOutcome): void {
  if (outcome.status !== 'aborted' && outcome.usage !== undefined) spend(core, row, outcome.usage)
  if (outcome.status === 'completed') {
    core.holds.answered(row)
    return complete(core, row, outcome)
  }
  // The runner gave it up without being asked to for this request: it went down.
  if (outcome.status === 'aborted') lose(core, row)
  else if (outcome.session_unknown === true) beginAnew(core, row)
  else failRun(core, row, outcome)
}

function spend(core: Core, row: RequestRow, used: Usage): void {
  core.journal.runs.usage.add(row, used, Date.now())
  core.budgets.spent(row, used)
}

/** Where the provider was at fault, and is held for it, the request waits with all others of it. */
function failRun(core: Core, row: RequestRow, outcome: Failed): void {
  const refusal = core.holds.refused(row, outcome)
  if (refusal !== undefined && refusal.uncounted) waitHeld(core, row, { outcome, refusal })
  else if (outcome.retryable && row.attempts < maxAttempts) tryAgain(core, row, outcome)
  else fail(core, row, { reason: outcome.reason, message: outcome.message })
}

function complete(core: Core, row: RequestRow, outcome: Completed): void {
  const now = Date.now()
  const sessionId = outcome.session_id ?? row.session_id ?? undefined
  const result = toResult(core, row, outcome, now)
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
  const provider = outcome.session_id === undefined ? undefined : outcome.provider
  core.requests.finish(row.request_id, { state: 'completed', now, tick, outcome: { result }, sessionId, provider })
}

/** Its provider has lost the session: nothing was done, and what was said so far is sent along next time. */
function beginAnew(core: Core, row: RequestRow): void {
  core.conversations.forgetSession(row.conversation)
  queueAgain(core, row, 'never began')
}

function toResult(core: Core, row: RequestRow, outcome: Completed, now: number): CompletionResult {
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
      session_restarted: outcome.session_restarted,
      usage: usageOf(core, row),
    },
    response: outcome.response,
  }
}

function usageOf(core: Core, row: RequestRow): Usage | undefined {
  const sum = core.journal.runs.usage.ofRequest(row)
  if (sum === undefined) return undefined
  const { input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, cost_usd } = sum
  const cost = cost_usd === null ? {} : { cost_usd }
  return { input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, ...cost }
}

function tryAgain(core: Core, row: RequestRow, outcome: Failed): void {
  const waitMs = backoffMs(row.attempts, { ...retry, retryAfterMs: outcome.retry_after_ms })
  const notBefore = core.journal.clock.now() + waitMs
  core.requests.requeue(row.request_id, { notBefore, uncounted: false, now: Date.now(), run: 'failed' })
  tellRetry(core, row, { outcome, at: notBefore, limited: false })
}

/** What its provider is held for passes by itself: the try does not count, and the next one waits for that. */
function waitHeld(core: Core, row: RequestRow, why: { outcome: Failed; refusal: Refusal }): void {
  const { hold, notBefore } = why.refusal
  const limited = hold.cause === 'limit'
  const run = limited ? 'limited' : 'again'
  core.requests.requeue(row.request_id, { notBefore, uncounted: true, now: Date.now(), run })
  tellRetry(core, row, { outcome: why.outcome, at: hold.until ?? core.journal.clock.now(), limited })
}

function tellRetry(core: Core, row: RequestRow, why: { outcome: Failed; at: number; limited: boolean }): void {
  const { outcome, at, limited } = why
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
      next_try_at: iso(core.journal.clock.toWall(at)),
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
type Lost = Pick<PushData<'completion:failed'>, 'started_at' | 'client_info' | 'partial'>

/**
 * The run of this row does not end: its request is told so, or tried again, and its conversation goes on. What the run
 * may still bring is dropped. Call within a transaction.
 */
export function giveUp(core: Core, row: RequestRow): void {
  if (row.state !== 'processing') {
    core.journal.runs.end(row, 'cancelled', Date.now())
    return
  }
  const provider = providerName(row.model)
  const message = 'Neither provider nor runner gave an answer within the time limit of the request; it was given up.'
  const started_at = row.started_at ?? Date.now()
  const duration_ms = Date.now() - started_at
  settle(core, row, {
    status: 'failed',
    reason: 'timeout',
    retryable: true,
    provider,
    message,
    started_at,
    duration_ms,
  })
}

/** What a waiting request was to do cannot be read: it is told as failed, and as lost. Call within a transaction. */
export function loseUnreadable(core: Core, row: RequestRow): void {
  core.requests.countLost()
  fail(core, row, { reason: 'daemon_restart', message: contentLost })
  core.requests.dropPayload(row.id)
  core.journal.afterCommit(() => core.journal.losses.addUnreadable(Date.now()))
}

/** Ends a request as failed. `extra` goes into the event and the outcome. */
export function fail(core: Core, row: RequestRow, end: { reason: FailureReason; message: string; extra?: Lost }): void {
  const { reason, message, extra = {} } = end
  const about: PushData<'completion:failed'> = { ...identityOf(row), reason, message, error: message, ...extra }
  const tick = core.journal.emit('completion:failed', about, row.request_id)
  // KSI's clients know what a provider did wrong under this name; what ksi itself did has only the other.
  if (reason === 'provider_error' || reason === 'timeout') core.journal.emit('completion:error', about, row.request_id)
  const outcome = { reason, message, ...extra }
  const run = extra.started_at === undefined ? 'failed' : 'lost'
  core.requests.finish(row.request_id, { state: 'failed', now: Date.now(), tick, outcome, run })
  core.holds.turnFailed(row, message)
}

/** So often a request may go down with its runner and be queued again: then it is taken for the cause. */
const maxLost = 5

/**
 * What died with the runner: told once as `daemon_restart`, or queued again at the head where the request asked for it.
 */
export function lose(core: Core, row: RequestRow, partial?: string): 'lost' | 'requeued' {
  const lost = row.on_restart === 'requeue' ? core.journal.runs.countOf(row.id, 'lost') + 1 : 0
  if (lost > 0 && lost < maxLost) {
    queueAgain(core, row, 'lost')
    return 'requeued'
  }
  core.requests.countLost()
  const extra: Lost = {
    started_at: row.started_at === null ? null : iso(row.started_at),
    client_info: clientOf(row),
    ...(partial !== undefined && partial !== '' && { partial }),
  }
  const message =
    lost === 0
      ? `The request was running when its runner went down; ${
          extra.partial === undefined ? 'what it had done is lost' : 'what had come of its answer is in `partial`'
        }`
      : `The request was running each time when ${lost} runners went down; it is set aside so that others can go on`
  fail(core, row, { reason: lost === 0 ? 'daemon_restart' : 'poison', message, extra })
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
