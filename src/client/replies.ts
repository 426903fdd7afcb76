import type { z } from 'zod'
import type { CheckpointContent, CheckpointSummary } from '../contracts/checkpoint.ts'
import type { RequestStatus } from '../contracts/completion.ts'
import type { BootFailure, Phases, SupervisorStatus } from '../contracts/control.ts'
import type { EventName, eventSpecs } from '../contracts/events.ts'
import type { Priority, RequestState } from '../contracts/words.ts'

/** The acknowledgement of a submission: it is in the journal. */
export interface Acknowledgement {
  request_id: string
  status: RequestState
  message: string
  queued: boolean
  queue_depth: number
  session_active: boolean
  priority: Priority
  conversation: string
  session_id: string | null
  /** The same id with the same content was accepted before. */
  duplicate?: true
}

/** `completion:status` without a request_id (ksi-wire §3.1). */
export interface CompletionStatus {
  service_ready: boolean
  generation: number
  active_completions: number
  status_counts: Partial<Record<RequestState, number>>
  /** Requests that died with a runner, ever. */
  lost: number
  running: RequestStatus[]
  queues: {
    total_sessions: number
    active_sessions: number
    total_queued: number
    sessions: Record<
      string,
      {
        queue_size: number
        is_active: boolean
        running: string | null
        conversation: string
        next_try_at: string | null
      }
    >
  }
}

export interface SessionStatus {
  session_id: string
  conversation: string | null
  completions: RequestStatus[]
  queue: { exists: boolean; session_id: string; queue_size: number; is_active: boolean; is_empty: boolean }
  session: {
    exists: boolean
    session_id: string
    agent_id: string | null
    request_count: number
    is_locked: boolean
    lock_holder: string | null
  }
}

export interface Health {
  status: 'healthy' | 'restarting' | 'down'
  generation: number | null
  /** seconds */
  uptime: number
  version: string
}

export type ReloadReply =
  | { status: 'reloaded'; generation: number; phases: Phases }
  | { status: 'failed'; error: string; failure?: BootFailure }

export interface CheckpointSaved {
  status: 'saved'
  checkpoint: number
  timestamp: string
  sessions: number
  queued_requests: number
  active_requests: number
}

/** What changed from one checkpoint to another, as request ids. */
export interface CheckpointDiff {
  checkpoint: number
  against: number
  added: string[]
  finished: string[]
  started: string[]
  queued_again: string[]
}

/** The reply to `dev:checkpoint`, by its action. */
export interface CheckpointReplies {
  create: CheckpointSaved
  list: { checkpoints: CheckpointSummary[] }
  show: CheckpointContent
  diff: CheckpointDiff
}

/** The reply data of the main events. */
interface Replies {
  'completion:async': Acknowledgement
  'completion:inject': Acknowledgement
  'completion:status': CompletionStatus | RequestStatus
  'completion:session_status': SessionStatus
  'completion:cancel': { request_id: string; status: RequestState }
  'completion:wait': RequestStatus
  'monitor:subscribe': {
    status: 'subscribed'
    client_id: string | null
    patterns: string[]
    since: number
    last_seq: number
  }
  'system:health': Health
  'system:reload': ReloadReply
  'supervisor:status': SupervisorStatus
  'dev:checkpoint': CheckpointReplies[keyof CheckpointReplies]
}

/** What an event takes: typed for the events of the contracts, any object for others. */
export type DataOf<E extends string> = E extends EventName
  ? z.input<(typeof eventSpecs)[E]['schema']>
  : Record<string, unknown>

/** What an event replies, where it is declared. */
export type ReplyOf<E extends string> = E extends keyof Replies ? Replies[E] : unknown
