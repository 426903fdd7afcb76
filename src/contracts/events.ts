import { z } from 'zod'
import { checkpointReason, onRestart } from './words.ts'

/** Half a surrogate pair would be stored as another character, and ids that differ would become one. */
const id = z
  .string()
  .min(1)
  .max(200)
  .refine((text) => text.isWellFormed(), 'it has half a surrogate pair')
const requestId = id
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
  conversation_id: id.nullish().describe('go on with this conversation'),
  agent_id: id.nullish().describe("go on with this agent's current conversation"),
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
export type CompletionData = z.infer<typeof completionData>

const empty = z.looseObject({})
const byRequest = z.looseObject({ request_id: requestId.describe('the request') })
const checkpointActions = [
  'create',
  'status',
  'list',
  'show',
  'diff',
  'list_requests',
  'remove_request',
  'clear_failed',
  'clear_all',
] as const

/** One event a client can send. */
export interface EventSpec {
  summary: string
  schema: z.ZodType
  /** Answered by the front, also when there is no live generation. */
  front?: true
  /** Changes the journal: run once per `_event_id`, also when it is sent again after a crash. */
  mutates?: true
}

/** Every event a client can send, by name: what `system:discover` and `system:help` tell. */
export const eventSpecs = {
  'completion:async': {
    summary: 'Queue a completion request; acknowledged once it is in the journal.',
    schema: completionData,
    mutates: true,
  },
  'completion:inject': {
    summary: "Queue a request ahead of its conversation's ASYNC requests.",
    schema: completionData,
    mutates: true,
  },
  'completion:status': {
    summary: 'Counts, queues and running requests; with request_id, that request.',
    schema: z.looseObject({ request_id: requestId.optional().describe('only this request') }),
  },
  'completion:session_status': {
    summary: "A session's requests, queue and conversation.",
    schema: z.looseObject({ session_id: sessionId.describe('the session') }),
  },
  'completion:cancel': { summary: 'Cancel a queued or processing request.', schema: byRequest, mutates: true },
  'completion:wait': {
    summary: 'Reply when the request has an outcome, or with its present status at the time limit.',
    schema: z.looseObject({
      request_id: requestId.describe('the request'),
      timeout_ms: z.number().int().min(0).max(3_600_000).default(30_000).describe('time limit in ms'),
    }),
  },
  'monitor:subscribe': {
    summary: 'Push events to this connection; with since, first those after that seq.',
    schema: z.looseObject({
      event_patterns: z
        .array(z.string().min(1).max(200))
        .min(1)
        .max(100)
        .refine((patterns) => patterns.join('').length <= 4_096, 'all together may have 4096 characters')
        .default(['*'])
        .describe('shell patterns of event names'),
      since: z.number().int().min(0).optional().describe('the last seq you have seen'),
      client_id: z.string().max(200).optional().describe('your name in listings'),
    }),
  },
  'monitor:unsubscribe': { summary: 'Push no more events to this connection.', schema: empty },
  'system:health': { summary: 'Whether the daemon serves, in which generation.', schema: empty },
  'system:discover': {
    summary: 'The events there are.',
    schema: z.looseObject({
      namespace: z.string().optional().describe('only this namespace'),
      event: z.string().max(200).optional().describe('only names that fit this shell pattern'),
      level: z.enum(['summary', 'namespace', 'full']).default('summary').describe('how much to tell'),
      detail: z.boolean().optional(),
      format_style: z.string().optional(),
      module: z.string().optional(),
    }),
  },
  'system:help': {
    summary: 'One event: what it does and its parameters.',
    schema: z.looseObject({
      event: z.string().min(1).max(200).describe('the event'),
      format_style: z.string().optional(),
    }),
  },
  'system:shutdown': { summary: 'Take a checkpoint and end.', schema: empty, front: true },
  'system:reload': {
    summary: 'Boot the code as it is on disk and hand over to it; replies when that is done.',
    schema: empty,
    front: true,
  },
  'supervisor:status': {
    summary: 'Generations, runners and watching, also while no generation is live.',
    schema: empty,
    front: true,
  },
  'dev:checkpoint': {
    summary: 'Take, list, show and clear checkpoints.',
    schema: z.looseObject({
      action: z.enum(checkpointActions).default('create').describe('what to do'),
      reason: checkpointReason.default('manual').describe('create: why'),
      checkpoint: z.coerce
        .number()
        .int()
        .positive()
        .optional()
        .describe('show, diff, list_requests: its number; the newest when not given'),
      against: z.coerce.number().int().positive().optional().describe('diff: the other number'),
      request_id: requestId.optional().describe('remove_request: the request'),
    }),
    mutates: true,
  },
  'dev:restore': {
    summary: 'Restore the journal once more: adopt what runs, queue again what never began, tell what is lost.',
    schema: empty,
    mutates: true,
  },
  'permission:list_profiles': { summary: 'Permission profiles, for KSI clients that ask.', schema: empty },
  'module:list': { summary: 'The services of the daemon.', schema: empty },
} as const satisfies Record<string, EventSpec>

export type EventName = keyof typeof eventSpecs

/** Looks an event up by any name. */
export function eventSpec(name: string): EventSpec | undefined {
  return Object.hasOwn(eventSpecs, name) ? eventSpecs[name as EventName] : undefined
}

/** The events that are pushed to subscribers, with what they tell. */
export const pushedEvents = {
  'completion:queued': 'a request was accepted, or queued again',
  'completion:progress': 'a request went to its provider, waits for another try, or has news',
  'completion:result': 'a request is completed: the full result',
  'completion:failed': 'a request failed, with its reason',
  'completion:error': 'the same as completion:failed for what a provider did, under the name KSI clients know',
  'completion:cancelled': 'a request was cancelled',
  'checkpoint:saved': 'a checkpoint was taken',
  'system:reloading': 'a new generation is ready and takes over now',
  'system:reloaded': 'it is live: generation, files, phases, counts',
  'system:reload_failed': 'a change did not become live: files, error; the old generation serves on',
  'system:recovered': 'a generation is live again after a crash or a new start',
  'monitor:gap': 'events you asked for are no longer kept',
} as const
