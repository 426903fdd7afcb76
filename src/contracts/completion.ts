import { z } from 'zod'
import { onRestart, priority, requestState } from './words.ts'

/** Half a surrogate pair would be stored as another character, and ids that differ would become one. */
const id = z
  .string()
  .min(1)
  .max(200)
  .refine((text) => text.isWellFormed(), 'it has half a surrogate pair')
export const requestId = id
export const sessionId = z
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

/** What KSI's clients send with a request, and what means nothing here: taken, so that they work unchanged. */
const ofKsiClients = {
  priority: z.string().nullish().describe('of no effect: completion:inject goes ahead'),
  stream: z.boolean().nullish().describe('of no effect'),
  client_id: z.string().nullish().describe('of no effect'),
  conversation_lock: z.looseObject({}).nullish().describe('of no effect'),
  circuit_breaker_config: z.looseObject({}).nullish().describe('of no effect'),
}

/** `completion:async` and `completion:inject`. `prompt` or `messages` must be there. */
export const completionData = z.object({
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
  ...ofKsiClients,
})

/** What is kept of the client that sent a request. */
export const clientInfo = () =>
  z.object({
    client_id: z.string().nullable(),
    transport: z.enum(['unix', 'tcp']),
    connection: z.number(),
    /** epoch ms */
    connected_at: z.number(),
  })
export type ClientInfo = z.infer<ReturnType<typeof clientInfo>>

/** The result of a completed request: exactly a line of its response file (docs/wire.md, "Response files"). */
export const completionResult = () =>
  z.object({
    ksi: z.object({
      provider: z.string(),
      request_id: z.string(),
      timestamp: z.string(),
      duration_ms: z.number(),
      client_id: z.string().optional(),
      agent_id: z.string().optional(),
      /** the session it went on from, where that was not the one it named */
      resumed_from: z.string().optional(),
    }),
    /** the provider's reply, untouched */
    response: z.record(z.string(), z.unknown()),
  })
export type CompletionResult = z.infer<ReturnType<typeof completionResult>>

/** The reply to `completion:wait`, and to `completion:status` with a request_id. Times are ISO 8601. */
export const requestStatus = () =>
  z.object({
    request_id: z.string(),
    status: requestState,
    conversation: z.string(),
    session_id: z.string().nullable(),
    agent_id: z.string().nullable(),
    priority,
    model: z.string(),
    attempts: z.number(),
    /** how often the daemon died with it in hand */
    crash_count: z.number(),
    queued_at: z.string(),
    started_at: z.string().nullable(),
    completed_at: z.string().nullable(),
    /** it waits for another try until then */
    next_try_at: z.string().optional(),
    /** for the end of a limit of use, which counts no try, or only to try again */
    waits_for: z.enum(['limit', 'retry']).optional(),
    resumed_from: z.string().optional(),
    result: completionResult().optional(),
    reason: z.string().optional(),
    message: z.string().optional(),
    /** who sent what was lost with its runner */
    client_info: clientInfo().nullable().optional(),
  })
export type RequestStatus = z.infer<ReturnType<typeof requestStatus>>
