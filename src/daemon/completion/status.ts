import { iso, isoOrNull } from '../../lib/time.ts'
import type { RequestStatus } from '../../contracts/completion.ts'
import type { ServiceStatus } from '../../contracts/events/completion.ts'
import type { EventReply } from '../../contracts/events.ts'
import type { Hold } from '../../contracts/holds.ts'
import { KsiError } from '../../lib/errors.ts'
import type { RequestRow } from '../../store/rows.ts'
import type { Core } from '../core.ts'

const listed = 1_000
const listedHolds = 100

/** A request as it stands, with its outcome if it has one. @throws KsiError KSI_NOT_FOUND */
export function describeRequest(core: Core, requestId: string): RequestStatus {
  const row = core.requests.get(requestId)
  if (row === undefined) throw new KsiError('KSI_NOT_FOUND', `Unknown request_id: ${requestId}`)
  return { ...describeRow(core, row), retry_of: core.requests.retryOf(row.id), ...core.requests.outcome(requestId) }
}

function describeRow({ journal, holds }: Core, row: RequestRow): RequestStatus {
  const held = row.state === 'queued' ? holds.of(row) : []
  return {
    request_id: row.request_id,
    status: row.state,
    conversation: row.conversation,
    session_id: row.session_id,
    agent_id: row.agent_id,
    priority: row.priority,
    model: row.model,
    attempts: row.attempts,
    crash_count: row.crash_count,
    queued_at: iso(row.queued_at),
    started_at: isoOrNull(row.started_at),
    completed_at: isoOrNull(row.finished_at),
    ...waitOf(row.not_before === null ? null : iso(journal.clock.toWall(row.not_before)), held),
    holds: held.length === 0 ? undefined : held,
    resumed_from: row.resumed_from ?? undefined,
  }
}

/** For what a request waits, and until when, as far as that is known. */
function waitOf(notBefore: string | null, held: Hold[]): Pick<RequestStatus, 'next_try_at' | 'waits_for'> {
  const times = [notBefore, ...held.map(({ until }) => until)].filter((at) => at !== null)
  const isKnown = times.length > 0 && held.every(({ until }) => until !== null)
  return {
    next_try_at: isKnown ? times.sort().at(-1) : undefined,
    waits_for: held[0]?.cause ?? (notBefore === null ? undefined : 'retry'),
  }
}

/** `completion:status`: of one request, or of the whole service (docs/wire.md, "Completion events"). */
export function describeStatus(core: Core, requestId?: string): EventReply<'completion:status'> {
  return requestId === undefined ? describeService(core) : describeRequest(core, requestId)
}

function describeService(core: Core): ServiceStatus {
  const queues = core.journal.queues(listed)
  const processing = core.requests.processing()
  const { holds, total: held } = core.holds.list(listedHolds)
  const sessions = Object.fromEntries(
    queues.map((queue) => [
      queue.session_id ?? queue.conversation,
      {
        queue_size: queue.queued,
        is_active: queue.running !== null,
        running: queue.running,
        conversation: queue.conversation,
        next_try_at: queue.not_before,
      },
    ]),
  )
  return {
    service_ready: true,
    generation: core.generation,
    active_completions: processing.length,
    active_tasks: processing.length,
    status_counts: {
      queued: core.requests.total('queued'),
      processing: core.requests.total('processing'),
      completed: core.requests.total('completed'),
      failed: core.requests.total('failed'),
      cancelled: core.requests.total('cancelled'),
    },
    lost: core.requests.total('lost'),
    running: processing.map((row) => describeRow(core, row)),
    holds,
    held,
    queues: {
      total_sessions: queues.length,
      active_sessions: queues.filter((queue) => queue.running !== null).length,
      total_queued: core.requests.total('queued'),
      sessions,
    },
  }
}

/** `completion:session_status` (docs/wire.md, "Completion events"). */
export function describeSession(core: Core, sessionId: string): EventReply<'completion:session_status'> {
  const name = core.conversations.ofSession(sessionId) ?? sessionId
  const conversation = core.conversations.get(name)
  const rows = core.requests.ofConversation(name, listed).toReversed()
  return {
    session_id: sessionId,
    conversation: conversation?.conversation ?? null,
    completions: rows.map((row) => describeRow(core, row)),
    queue: {
      exists: conversation !== undefined,
      session_id: sessionId,
      queue_size: conversation?.queued ?? 0,
      is_active: conversation?.running != null,
      is_empty: (conversation?.queued ?? 0) === 0,
    },
    session: {
      exists: conversation !== undefined,
      session_id: conversation?.session_id ?? sessionId,
      agent_id: conversation?.agent_id ?? null,
      last_activity: conversation === undefined ? null : iso(conversation.last_used_at),
      request_count: rows.length,
      is_locked: conversation?.running != null,
      lock_holder: conversation?.running ?? null,
    },
  }
}
