import { z } from 'zod'
import { chunk } from './chunk.ts'
import { providerState } from './providers.ts'
import { usage } from './usage.ts'
import { failureReason } from './words.ts'

/*
 * Generation ↔ runner: one JSON object a line over the runner's Unix socket. The runner talks to the generation with
 * the highest epoch that said hello; an older one gets nothing more and can start nothing more.
 */

/** A chat message. */
const message = z.looseObject({ role: z.string(), content: z.unknown() })
export type Message = z.infer<typeof message>

/** What a provider is asked to do. */
export const runInput = z.object({
  request_id: z.string(),
  /** New for each try of a request: two tries are two runs. */
  run_id: z.string(),
  attempt: z.number().int(),
  model: z.string(),
  prompt: z.string(),
  messages: z.array(message).optional(),
  /** The unit of order: a provider that has working folders has one for each. */
  conversation: z.string().optional(),
  /** The session to go on from; absent for a new one. */
  session_id: z.string().optional(),
  /** Who handed that session out; absent when only a client has named it: it may not exist. */
  session_provider: z.string().optional(),
  /** The turns before this one, where the provider does not have them. */
  history: z.array(message).optional(),
  /** Turns before those, which are too much to be sent along. */
  history_left_out: z.number().optional(),
  /** Why the session before is not gone on with. */
  session_restarted: z.string().optional(),
  agent_id: z.string().optional(),
  client_id: z.string().optional(),
  /** What the provider is to honour, by the names of `completion:async`. */
  parameters: z.record(z.string(), z.unknown()).default({}),
  timeout_ms: z.number(),
  extra_body: z.record(z.string(), z.unknown()).optional(),
})
export type RunInput = z.infer<typeof runInput>

/** How a run ended. `failed` says whether another try makes sense and how long to wait before it at least. */
export const runOutcome = z.discriminatedUnion('status', [
  z.object({
    status: z.literal('completed'),
    provider: z.string(),
    session_id: z.string().optional(),
    session_restarted: z.string().optional(),
    usage: usage().optional(),
    /** The provider's reply, stored untouched as `response`. */
    response: z.record(z.string(), z.unknown()),
    started_at: z.number(),
    duration_ms: z.number(),
  }),
  z.object({
    status: z.literal('failed'),
    provider: z.string(),
    reason: failureReason,
    message: z.string(),
    retryable: z.boolean(),
    /** by a limit of use: it passes by itself, and the try does not count */
    limited: z.boolean().optional(),
    /** what that limit is one of, as far as the provider says */
    limits: z.enum(['provider', 'model']).optional(),
    /** the provider is overloaded, or was not reached */
    outage: z.literal(true).optional(),
    retry_after_ms: z.number().optional(),
    usage: usage().optional(),
    /** The provider no longer has the session: another try is to begin a new one. */
    session_unknown: z.literal(true).optional(),
    started_at: z.number(),
    duration_ms: z.number(),
  }),
  z.object({ status: z.literal('aborted'), provider: z.string(), started_at: z.number(), duration_ms: z.number() }),
])
export type RunOutcome = z.infer<typeof runOutcome>

/** A piece of a run's output and its number, from 0 in each run. */
const numberedChunk = z.object({ offset: z.number().int().min(0), chunk: chunk() })
export type NumberedChunk = z.infer<typeof numberedChunk>

/** A run the runner holds; with an outcome when it has ended but no generation has committed it yet. */
export const heldRun = z.object({
  run_id: z.string(),
  request_id: z.string(),
  started_at: z.number(),
  /** of its time limit, by the time in which the runner itself ran; while it has no outcome */
  left_ms: z.number().optional(),
  outcome: runOutcome.optional(),
})
export type HeldRun = z.infer<typeof heldRun>

export const toRunnerLine = z.discriminatedUnion('type', [
  z.object({ type: z.literal('hello'), epoch: z.number() }),
  z.object({ type: z.literal('start'), epoch: z.number(), input: runInput }),
  z.object({ type: z.literal('abort'), epoch: z.number(), run_id: z.string() }),
  z.object({ type: z.literal('committed'), run_id: z.string() }),
  /** Wants the chunks of a run it holds from this offset on: answered once, as soon as there is one or no more come. */
  z.object({ type: z.literal('read'), id: z.number(), run_id: z.string(), from: z.number() }),
  /** Wants no answer to this `read` any more. */
  z.object({ type: z.literal('unread'), id: z.number() }),
  /** Asks how the providers stand. */
  z.object({ type: z.literal('providers') }),
])
export type ToRunnerLine = z.infer<typeof toRunnerLine>

export const fromRunnerLine = z.discriminatedUnion('type', [
  z.object({ type: z.literal('welcome'), runner_id: z.string(), runs: z.array(heldRun) }),
  z.object({ type: z.literal('providers'), providers: z.array(providerState()) }),
  z.object({ type: z.literal('refused'), run_id: z.string(), reason: z.string() }),
  z.object({
    type: z.literal('progress'),
    run_id: z.string(),
    request_id: z.string(),
    data: z.record(z.string(), z.unknown()),
  }),
  z.object({
    type: z.literal('chunks'),
    /** of the `read` this answers */
    id: z.number(),
    chunks: z.array(numberedChunk),
    /** `more`: ask for what follows; `ended`: that was all; `unknown`: the runner does not hold this run */
    next: z.enum(['more', 'ended', 'unknown']),
  }),
  z.object({ type: z.literal('outcome'), run_id: z.string(), request_id: z.string(), outcome: runOutcome }),
])
export type FromRunnerLine = z.infer<typeof fromRunnerLine>
