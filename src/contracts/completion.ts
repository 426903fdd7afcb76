import { z } from 'zod'
import { hold, holdCause, onFailure } from './holds.ts'
import { usage } from './usage.ts'
import { onRestart, priority, requestState } from './words.ts'

/** Half a surrogate pair would be stored as another character, and ids that differ would become one. */
const id = z
  .string()
  .min(1)
  .max(200)
  .refine((text) => text.isWellFormed(), 'it has half a surrogate pair')
export const requestId = id
export const agentId = id
export const sessionId = id

/** What the echo provider can be asked for, under `extra_body.echo`. */
export const echoOptions = z.object({
  latency_ms: z.number().int().min(0).max(3_600_000).optional(),
  tokens: z.number().int().min(0).max(1_000_000).optional(),
  /** Answer with so many numbered pieces, spread over the latency, instead of what was sent. */
  chunks: z.number().int().min(1).max(1_000_000).optional(),
  fail: z.enum(['retryable', 'final']).optional(),
  fail_times: z.number().int().min(1).optional(),
  /** Hand out a new session id for this turn, as claude does. */
  new_session: z.boolean().optional(),
})
export type EchoOptions = z.infer<typeof echoOptions>

/** What KSI's clients send with a request: taken where it asks for what is done anyway, so that they work unchanged. */
const ofKsiClients = {
  agent_config: z
    .looseObject({ permission_profile: z.string().nullish(), profile: z.string().nullish() })
    .nullish()
    .describe('permission_profile: what claude may use (permission:list_profiles); profile: for information'),
  priority: z.string().nullish().describe('normal, or refused: completion:inject goes ahead'),
  client_id: z.string().nullish().describe('for information: who asks'),
  conversation_lock: z.looseObject({}).nullish().describe('always so: one request of a conversation at a time'),
  circuit_breaker_config: z.looseObject({}).nullish().describe('refused: not a matter of one request'),
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
  system: z
    .union([z.string().min(1), z.array(z.looseObject({ type: z.string() })).min(1)])
    .nullish()
    .describe('the system prompt of this request'),
  tools: z.array(z.looseObject({})).nullish().describe('tools the model may call, as OpenAI or Anthropic write them'),
  tool_choice: z.union([z.string(), z.looseObject({})]).nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  response_format: z.looseObject({ type: z.string() }).nullish(),
  temperature: z.number().nullish(),
  top_p: z.number().nullish(),
  top_k: z.number().int().nullish(),
  max_tokens: z.number().int().positive().nullish(),
  stop: z.union([z.string(), z.array(z.string())]).nullish(),
  seed: z.number().int().nullish(),
  frequency_penalty: z.number().nullish(),
  presence_penalty: z.number().nullish(),
  reasoning_effort: z.string().nullish(),
  stream: z.boolean().nullish().describe('false: the provider is asked for its answer in one piece'),
  timeout_ms: z.number().int().min(100).max(86_400_000).nullish().describe('limit of one try, in ms'),
  on_restart: onRestart
    .nullish()
    .describe('what happens if the run dies with the runner: fail (told as daemon_restart) or requeue'),
  on_failure: onFailure
    .nullish()
    .describe('if this turn fails: continue with the next of the conversation, or hold it (completion:release)'),
  originator_id: z.string().max(200).nullish(),
  retry_of: requestId.nullish().describe('the request this one repeats'),
  extra_body: z
    .looseObject({ echo: echoOptions.optional() })
    .nullish()
    .describe('for the provider: goes into the body it is sent; see docs/providers.md'),
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
      /** why a new session was begun, from the conversation's history, instead of going on with the one before */
      session_restarted: z.string().optional(),
      /** of all its runs, as far as the provider told */
      usage: usage().optional(),
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
    /** it waits until then, where that is known */
    next_try_at: z.string().optional(),
    /** to be tried again, or for the end of what holds it, by its cause */
    waits_for: z.enum(['retry', ...holdCause.options]).optional(),
    /** what keeps it from being started */
    holds: z.array(hold()).optional(),
    resumed_from: z.string().optional(),
    /** the request it repeats (`completion:retry`) */
    retry_of: z.string().optional(),
    result: completionResult().optional(),
    reason: z.string().optional(),
    message: z.string().optional(),
    /** who sent what was lost with its runner */
    client_info: clientInfo().nullable().optional(),
    /** the text of it that had come by then */
    partial: z.string().optional(),
  })
export type RequestStatus = z.infer<ReturnType<typeof requestStatus>>
