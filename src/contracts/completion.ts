import { z } from 'zod'
import { priority, requestState } from './words.ts'

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

/** The result of a completed request: exactly a line of its response file (ksi-wire §3.9). */
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
    resumed_from: z.string().optional(),
    result: completionResult().optional(),
    reason: z.string().optional(),
    message: z.string().optional(),
    /** who sent what was lost with its runner */
    client_info: clientInfo().nullable().optional(),
  })
export type RequestStatus = z.infer<ReturnType<typeof requestStatus>>

/** ISO 8601 in UTC, from epoch ms. */
export function iso(ms: number): string {
  return new Date(ms).toISOString()
}

/** ISO 8601 or null. */
export function isoOrNull(ms: number | null): string | null {
  return ms === null ? null : iso(ms)
}
