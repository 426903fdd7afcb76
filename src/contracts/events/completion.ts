import { z } from 'zod'
import { clientInfo, completionData, completionResult, requestId, requestStatus, sessionId } from '../completion.ts'
import { hold } from '../holds.ts'
import { failureReason, priority, requestState } from '../words.ts'
import type { EventSpec, PushSpec } from './spec.ts'

/** The acknowledgement of a submission: it is in the journal. */
const acknowledgement = () =>
  z.object({
    request_id: z.string(),
    status: requestState,
    message: z.string(),
    queued: z.boolean(),
    queue_depth: z.number(),
    session_active: z.boolean(),
    priority,
    conversation: z.string(),
    session_id: z.string().nullable(),
    /** The same id with the same content was accepted before. */
    duplicate: z.literal(true).optional(),
  })

/** `completion:status` without a request_id (docs/wire.md, "Completion events"). */
const serviceStatus = () =>
  z.object({
    service_ready: z.boolean(),
    generation: z.number(),
    active_completions: z.number(),
    active_tasks: z.number(),
    status_counts: z.record(requestState, z.number()),
    /** Requests that died with a runner, ever. */
    lost: z.number(),
    running: z.array(requestStatus()),
    /** what is held, the widest first, and how much that is in all */
    holds: z.array(hold()),
    held: z.number(),
    queues: z.object({
      total_sessions: z.number(),
      active_sessions: z.number(),
      total_queued: z.number(),
      /** by session, or by conversation before there is one */
      sessions: z.record(
        z.string(),
        z.object({
          queue_size: z.number(),
          is_active: z.boolean(),
          running: z.string().nullable(),
          conversation: z.string(),
          next_try_at: z.string().nullable(),
        }),
      ),
    }),
  })
export type ServiceStatus = z.infer<ReturnType<typeof serviceStatus>>

/** docs/wire.md, "Completion events" */
const sessionStatus = () =>
  z.object({
    session_id: z.string(),
    conversation: z.string().nullable(),
    completions: z.array(requestStatus()),
    queue: z.object({
      exists: z.boolean(),
      session_id: z.string(),
      queue_size: z.number(),
      is_active: z.boolean(),
      is_empty: z.boolean(),
    }),
    session: z.object({
      exists: z.boolean(),
      session_id: z.string(),
      agent_id: z.string().nullable(),
      last_activity: z.string().nullable(),
      request_count: z.number(),
      is_locked: z.boolean(),
      lock_holder: z.string().nullable(),
    }),
  })

/** What clients can send to the completion service. */
export const completionEvents = {
  'completion:async': {
    summary: 'Queue a completion request; acknowledged once it is in the journal.',
    data: completionData,
    reply: acknowledgement,
    mutates: true,
  },
  'completion:inject': {
    summary: "Queue a request ahead of its conversation's ASYNC requests.",
    data: completionData,
    reply: acknowledgement,
    mutates: true,
  },
  'completion:status': {
    summary: 'Counts, queues and running requests; with request_id, that request.',
    data: z.object({ request_id: requestId.optional().describe('only this request') }),
    reply: () => z.union([serviceStatus(), requestStatus()]),
  },
  'completion:session_status': {
    summary: "A session's requests, queue and conversation.",
    data: z.object({ session_id: sessionId.describe('the session') }),
    reply: sessionStatus,
  },
  'completion:cancel': {
    summary: 'Cancel a queued or processing request.',
    data: z.object({ request_id: requestId.describe('the request') }),
    reply: () => z.object({ request_id: z.string(), status: z.literal('cancelled') }),
    mutates: true,
  },
  'completion:retry': {
    summary: 'Queue a failed or cancelled request once more, under an id of its own.',
    data: z.object({
      request_id: requestId.describe('the request'),
      as: requestId.optional().describe('the id of the new one'),
    }),
    reply: () => acknowledgement().extend({ retry_of: z.string() }),
    mutates: true,
  },
  'completion:wait': {
    summary: 'Reply when the request has an outcome, or with its present status at the time limit.',
    data: z.object({
      request_id: requestId.describe('the request'),
      timeout_ms: z.number().int().min(0).max(3_600_000).default(30_000).describe('time limit in ms'),
    }),
    reply: requestStatus,
  },
} as const satisfies Record<string, EventSpec>

/** Which request an event is about, and whose it is. */
const identity = () => ({
  request_id: z.string(),
  conversation: z.string(),
  session_id: z.string().nullable(),
  agent_id: z.string().nullable(),
})

const failed = () =>
  z.object({
    ...identity(),
    reason: failureReason,
    message: z.string(),
    /** the same as `message`, where KSI's clients look for it */
    error: z.string(),
    /** of what was lost with its runner */
    started_at: z.string().nullable().optional(),
    client_info: clientInfo().nullable().optional(),
    /** the text that had come by then */
    partial: z.string().optional(),
  })

const progress = () =>
  z.discriminatedUnion('status', [
    z.object({
      status: z.literal('calling_provider'),
      request_id: z.string(),
      conversation: z.string(),
      session_id: z.string().nullable(),
      provider: z.string(),
      attempt: z.number(),
    }),
    z.object({
      status: z.literal('retrying'),
      request_id: z.string(),
      conversation: z.string(),
      attempt: z.number(),
      max_attempts: z.number(),
      error: z.string(),
      /** by a limit of use of the provider: the try does not count */
      limited: z.literal(true).optional(),
      next_try_at: z.string(),
    }),
    /** with what the provider has to say beside */
    z.looseObject({ status: z.literal('streaming'), request_id: z.string(), conversation: z.string() }),
  ])

/** What the completion service pushes. */
export const completionPushes = {
  'completion:queued': {
    summary: 'a request was accepted, or queued again',
    data: () =>
      z.object({
        ...identity(),
        priority,
        model: z.string(),
        /** it was queued before, and its try never took place */
        again: z.literal(true).optional(),
      }),
  },
  'completion:progress': {
    summary: 'a request went to its provider, waits for another try, or has news',
    data: progress,
  },
  'completion:result': {
    summary: 'a request is completed: the full result',
    data: () =>
      z.object({
        ...identity(),
        /** the session it went on from, where that was not the one it named */
        resumed_from: z.string().optional(),
        result: completionResult(),
      }),
  },
  'completion:failed': { summary: 'a request failed, with its reason', data: failed },
  'completion:error': {
    summary: 'the same as completion:failed for what a provider did, under the name KSI clients know',
    data: failed,
  },
  'completion:cancelled': {
    summary: 'a request was cancelled',
    data: () => z.object({ ...identity(), was: requestState }),
  },
} as const satisfies Record<string, PushSpec>
