import { z } from 'zod'
import { failureReason } from './words.ts'

/*
 * Generation ↔ runner: one JSON object a line over the runner's Unix socket. The runner talks to the generation with
 * the highest epoch that said hello; an older one gets nothing more and can start nothing more.
 */

/** What a provider is asked to do. */
export const runInput = z.object({
  request_id: z.string(),
  /** New for each try of a request: two tries are two runs. */
  run_id: z.string(),
  attempt: z.number().int(),
  model: z.string(),
  prompt: z.string(),
  messages: z.array(z.looseObject({ role: z.string(), content: z.unknown() })).optional(),
  /** The session to go on from; absent for a new one. */
  session_id: z.string().optional(),
  /** The session was named by the client, and no provider of ours has handed it out: it may not exist. */
  session_unproven: z.boolean().optional(),
  agent_id: z.string().optional(),
  client_id: z.string().optional(),
  temperature: z.number().optional(),
  max_tokens: z.number().optional(),
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
    retry_after_ms: z.number().optional(),
    started_at: z.number(),
    duration_ms: z.number(),
  }),
  z.object({ status: z.literal('aborted'), provider: z.string(), started_at: z.number(), duration_ms: z.number() }),
])
export type RunOutcome = z.infer<typeof runOutcome>

/** A run the runner holds; with an outcome when it has ended but no generation has committed it yet. */
export const heldRun = z.object({
  run_id: z.string(),
  request_id: z.string(),
  started_at: z.number(),
  outcome: runOutcome.optional(),
})
export type HeldRun = z.infer<typeof heldRun>

export const toRunnerLine = z.discriminatedUnion('type', [
  z.object({ type: z.literal('hello'), epoch: z.number() }),
  z.object({ type: z.literal('start'), epoch: z.number(), input: runInput }),
  z.object({ type: z.literal('abort'), epoch: z.number(), run_id: z.string() }),
  z.object({ type: z.literal('committed'), run_id: z.string() }),
])
export type ToRunnerLine = z.infer<typeof toRunnerLine>

export const fromRunnerLine = z.discriminatedUnion('type', [
  z.object({ type: z.literal('welcome'), runner_id: z.string(), runs: z.array(heldRun) }),
  z.object({ type: z.literal('refused'), run_id: z.string(), reason: z.string() }),
  z.object({
    type: z.literal('progress'),
    run_id: z.string(),
    request_id: z.string(),
    data: z.record(z.string(), z.unknown()),
  }),
  z.object({ type: z.literal('outcome'), run_id: z.string(), request_id: z.string(), outcome: runOutcome }),
])
export type FromRunnerLine = z.infer<typeof fromRunnerLine>

/** A file of the spool, `{run_id}.json`: an outcome no generation had committed when it was written. */
export const spoolEntry = z.object({
  run_id: z.string(),
  request_id: z.string(),
  runner_id: z.string(),
  outcome: runOutcome,
})
export type SpoolEntry = z.infer<typeof spoolEntry>
