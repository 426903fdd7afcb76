import { iso, isoOrNull } from '../../lib/time.ts'
import type { RequestStatus } from '../../contracts/completion.ts'
import type { ServiceStatus } from '../../contracts/events/completion.ts'
import type { EventReply } from '../../contracts/events.ts'
import { KsiError } from '../../lib/errors.ts'
import type { RequestRow } from '../../store/rows.ts'
import type { Core } from '../core.ts'

const listed = 1_000

/** A request as it stands, with its outcome if it has one. @throws KsiError KSI_NOT_FOUND */
export function describeRequest(core: Core, requestId: string): RequestStatus {
  const row = core.requests.get(requestId)
  if (row === undefined) throw new KsiError('KSI_NOT_FOUND', `Unknown request_id: ${requestId}`)
  return { ...describeRow(core, row), retry_of: core.requests.retryOf(row.id), ...core.requests.outcome(requestId) }
}

function describeRow({ journal }: Core, row: RequestRow): RequestStatus {
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
    next_try_at: row.not_before === null ? undefined : iso(journal.clock.toWall(row.not_before)),
    waits_for: row.not_before === null ? undefined : journal.runs.lastEnd(row.id) === 'limited' ? 'limit' : 'retry',
    resumed_from: row.resumed_from ?? undefined,
  }
}

/** `completion:status`: of one request, or of the whole service (docs/wire.md, "Completion events"). */
export function describeStatus(core: Core, requestId?: string): EventReply<'completion:status'> {
  return requestId === undefined ? describeService(core) : describeRequest(core, requestId)
}

function describeService(core: Core): ServiceStatus {
  const queues = core.journal.queues(listed)
  const processing = core.requests.processing()
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
    queues: {
      total_sessions: queues.length,
      active_sessions: queues.filter((queue) => queue.running !== null).length,
      total_queued: core.requests.queuedCount(),
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
