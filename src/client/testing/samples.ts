import type { RequestStatus } from '../../contracts/completion.ts'
import type { EventReply } from '../../contracts/events.ts'

type Acknowledgement = EventReply<'completion:async'>
type Health = Extract<EventReply<'system:health'>, { uptime: number }>

/** The acknowledgement of a request that is queued in a conversation of its own. */
export function sampleAcknowledgement(changes: Partial<Acknowledgement> = {}): Acknowledgement {
  return {
    request_id: 'r1',
    status: 'queued',
    message: 'Request queued',
    queued: true,
    queue_depth: 1,
    session_active: false,
    priority: 'ASYNC',
    conversation: 'c1',
    session_id: null,
    ...changes,
  }
}

/** A request that is queued, with changes. */
export function sampleRequest(changes: Partial<RequestStatus> = {}): RequestStatus {
  return {
    request_id: 'r1',
    status: 'queued',
    conversation: 'c1',
    session_id: null,
    agent_id: null,
    priority: 'ASYNC',
    model: 'echo/echo',
    attempts: 0,
    crash_count: 0,
    queued_at: '2026-01-01T00:00:00Z',
    started_at: null,
    completed_at: null,
    ...changes,
  }
}

/** The health of a generation that is live, with changes. */
export function sampleHealth(changes: Partial<Health> = {}): Health {
  return {
    status: 'healthy',
    generation: 7,
    boot_id: 'b7',
    pid: process.pid,
    uptime: 61,
    version: '0.1.0',
    daemon_version: '0.1.0',
    mode: 'production',
    queued: 0,
    processing: 0,
    modules_loaded: 0,
    losses: 0,
    modules: [],
    filling: [],
    troubles: [],
    ...changes,
  }
}
