import { z } from 'zod'
import type { ErrorCode } from '../lib/errors.ts'
import { isObject, parseObject } from '../lib/ndjson.ts'

/**
 * One line from a client (docs/wire.md, "Request line"). Unknown top-level fields are ignored. The front judges
 * `event`, `data` and
 * `_token`; the event's own schema judges `data`.
 */
export interface WireRequest {
  event: string
  data?: Record<string, unknown>
  correlation_id?: unknown
  /** Run at most once, however often it is sent. */
  _event_id?: string
  _client_id?: string
  _agent_id?: string
  _correlation_id?: unknown
  /** Asked for on TCP when KSI_TOKEN is set, on the first line of the connection. */
  _token?: string
}

/** A reply to a request: `error` is there only when the request could not be taken at all (docs/wire.md, "Errors"). */
export interface WireReply {
  event?: string
  data?: unknown
  count?: number
  error?: string
  code?: string
  correlation_id: unknown
  /** epoch seconds */
  timestamp: number
}

/** A line pushed to a subscriber. It never carries a top-level `correlation_id`: clients would take it for a reply. */
export interface WirePush {
  event: string
  event_name: string
  /** The event's place in the journal: give the last one seen as `since` to go on after a disconnect. */
  seq: number
  /** epoch seconds */
  timestamp: number
  data: Record<string, unknown>
}

/** What a handler's reply says instead of its own when it could not do what was asked (docs/wire.md, "Errors"). */
export const errorData = () =>
  z.object({
    status: z.literal('error'),
    error: z.string(),
    /** of the table of errors, or of the system (ENOENT, …) */
    code: z.string().optional(),
    /** names that may have been meant, and those there are: KSI's command line looks for them here */
    similar: z.array(z.string()).optional(),
    namespaces: z.array(z.string()).optional(),
    available: z.array(z.string()).optional(),
    details: z.record(z.string(), z.unknown()).optional(),
  })
export type ErrorData = z.infer<ReturnType<typeof errorData>>

/**
 * What a reply is made for: the event, and the correlation id as the text the client wrote, so that it comes back as it
 * came.
 */
export interface ReplyTo {
  event?: string | undefined
  /** JSON text; `null` when not given */
  correlation?: string | undefined
}

/** A reply line for a request that could not be taken (bad JSON, too long, no generation in time, …). */
export function errorReply(message: string, code: ErrorCode, { event, correlation }: ReplyTo = {}): string {
  return withCorrelation({ ...(event === undefined ? {} : { event }), error: message, code }, correlation)
}

/** Results that are the same whenever they are asked for, as they are written. */
const constants = new WeakMap<object, string>()

/** Marks a result that never changes from now on: replies with it alone are not written anew each time. */
export function constantResult<T extends object>(result: T): T {
  constants.set(result, JSON.stringify(result))
  return result
}

/**
 * A reply line with `data`, by the number of results: none gives `[]`, one the object, several the list.
 * @throws whatever JSON.stringify does with results that are too deep, too large or no JSON
 */
export function dataReply(results: readonly unknown[], { event, correlation }: ReplyTo): string {
  const data = results.length === 0 ? [] : results.length === 1 ? results[0] : results
  const text = typeof data === 'object' && data !== null ? constants.get(data) : undefined
  if (text === undefined) return withCorrelation({ event, data, count: results.length }, correlation)
  return complete(`{"event":${JSON.stringify(event)},"data":${text},"count":${results.length}`, correlation)
}

function withCorrelation(reply: Omit<WireReply, 'correlation_id' | 'timestamp'>, correlation?: string): string {
  return complete(JSON.stringify(reply).slice(0, -1), correlation)
}

function complete(begun: string, correlation = 'null'): string {
  return `${begun},"correlation_id":${correlation},"timestamp":${Date.now() / 1000}}`
}

/** Whether a reply line has neither kind of error (docs/wire.md, "Errors"). */
export function isSuccess(json: string): boolean {
  const reply = parseObject(json)
  if (reply === undefined || 'error' in reply) return false
  return !(isObject(reply['data']) && 'error' in reply['data'])
}
