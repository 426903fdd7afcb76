import { z } from 'zod'
import { clientInfo, completionResult, requestStatus } from '../completion.ts'
import { failureReason, onRestart, priority, requestState } from '../words.ts'
import type { EventSpec, PushSpec } from './spec.ts'

const requestId = z.string().min(1).max(200)
const sessionId = z
  .string()
  .min(1)
  .max(200)
  .regex(/^[A-Za-z0-9._:@-]+$/, 'letters, digits and . _ : @ - only: it names a file')

/** What the echo provider can be asked for, under `extra_body.echo`. */
export const echoOptions = z.object({
  latency_ms: z.number().int().min(0).max(3_600_000).optional(),
  tokens: z.number().int().min(0).max(1_000_000).optional(),
  fail: z.enum(['retryable', 'final']).optional(),
  fail_times: z.number().int().min(1).optional(),
  /** Hand out a new session id for this turn, as claude does. */
  new_session: z.boolean().optional(),
})
export type EchoOptions = z.infer<typeof echoOptions>

/** `completion:async` and `completion:inject`. `prompt` or `messages` must be there. */
export const completionData = z.looseObject({
  prompt: z.string().min(1).optional().describe('the text to answer'),
  messages: z
    .array(z.looseObject({ role: z.string(), content: z.unknown() }))
    .min(1)
    .optional()
    .describe('chat messages, instead of a prompt'),
  request_id: requestId.optional().describe('your own id; the same id again returns the request as it stands'),
  session_id: sessionId.nullish().describe('go on with the conversation this session belongs to'),
  conversation_id: z.string().min(1).max(200).nullish().describe('go on with this conversation'),
  agent_id: z.string().min(1).max(200).nullish().describe("go on with this agent's current conversation"),
  model: z.string().min(1).max(200).nullish().describe('provider/model, as echo/echo or claude-cli/sonnet'),
  temperature: z.number().nullish(),
  max_tokens: z.number().int().positive().nullish(),
  timeout_ms: z.number().int().min(100).max(86_400_000).nullish().describe('limit of one try, in ms'),
  on_restart: onRestart
    .nullish()
    .describe('what happens if the run dies with the runner: fail (told as daemon_restart) or requeue'),
  originator_id: z.string().max(200).nullish(),
  extra_body: z
    .looseObject({ echo: echoOptions.optional() })
    .nullish()
    .describe('for the provider; echo takes latency_ms, tokens, fail, fail_times'),
})

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

/** `completion:status` without a request_id (ksi-wire §3.1). */
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

/** ksi-wire §3.1 */
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
    data: z.looseObject({ request_id: requestId.optional().describe('only this request') }),
    reply: () => z.union([serviceStatus(), requestStatus()]),
  },
  'completion:session_status': {
    summary: "A session's requests, queue and conversation.",
    data: z.looseObject({ session_id: sessionId.describe('the session') }),
    reply: sessionStatus,
  },
  'completion:cancel': {
    summary: 'Cancel a queued or processing request.',
    data: z.looseObject({ request_id: requestId.describe('the request') }),
    reply: () => z.object({ request_id: z.string(), status: z.literal('cancelled') }),
    mutates: true,
  },
  'completion:wait': {
    summary: 'Reply when the request has an outcome, or with its present status at the time limit.',
    data: z.looseObject({
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
