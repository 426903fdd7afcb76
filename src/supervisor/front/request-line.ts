import { errorReply } from '../../contracts/wire.ts'
import { messageOf } from '../../lib/errors.ts'
import { isObject } from '../../lib/ndjson.ts'
import { rightsOf } from './rights.ts'
import type { Rights, Tokens } from './rights.ts'

/** What the front needs to know of a request line. `text` is the line as it goes on to the generation. */
export interface RequestLine {
  text: string
  event: string
  data: Record<string, unknown>
  correlationId: unknown
  /** the request's own `_event_id`, encoded for a frame */
  eventId: string | undefined
  /** for `monitor:subscribe`: what a later generation is told, as JSON */
  subscription: string | undefined
}

/** Either the value wanted, or the reply line that says why there is none. */
type Read<T> = { ok: true; value: T } | { ok: false; reply: string }

/** What to do with a line: relay it, answer it with an error, or say why and close the connection. */
type Verdict =
  | { kind: 'request'; request: RequestLine; rights: Rights }
  | { kind: 'error'; reply: string; rights: Rights }
  | { kind: 'refuse'; reply: string }

/**
 * Judges a line.
 * @param checks `strict`: the first line of a TCP connection, which must be an object, and carry a token if one is
 * asked
 * for; what it says of rights then holds for all that follow
 */
export function judgeLine(text: string, checks: { strict: boolean; tokens: Tokens }): Verdict {
  const { strict, tokens } = checks
  const line = readObject(text)
  // A web page can make its browser send any text to a local port, but not without an HTTP request line before it.
  if (!line.ok)
    return strict ? { kind: 'refuse', reply: line.reply } : { kind: 'error', reply: line.reply, rights: 'all' }
  const rights = strict ? rightsOf(line.value, tokens) : 'all'
  if (rights === 'none') return { kind: 'refuse', reply: unauthorized(line.value) }
  const request = toRequest(line.value, text)
  return request.ok
    ? { kind: 'request', request: request.value, rights }
    : { kind: 'error', reply: request.reply, rights }
}

function readObject(text: string): Read<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text)
    if (isObject(value)) return { ok: true, value }
    return refuse('Invalid JSON: a request is one JSON object on one line, as {"event": "system:health"}')
  } catch (error) {
    return refuse(`Invalid JSON: ${text.trim() === '' ? 'the line is empty' : messageOf(error)}`)
  }
}

/** Checks the fields the front depends on; the rest is the generation's to judge (docs/wire.md, "Errors"). */
function toRequest(line: Record<string, unknown>, text: string): Read<RequestLine> {
  const { event, data = {}, correlation_id: own, _correlation_id: inner } = line
  const correlationId = own ?? inner
  const about = { event, correlation_id: correlationId }
  if (event === undefined || event === null || event === '') return refuse('Missing event name', about)
  if (typeof event !== 'string') return refuse('Invalid event name: it must be a string', about)
  if (!isObject(data)) return refuse(`Invalid data for ${event}: it must be a JSON object`, about)
  const subscription = event === 'monitor:subscribe' ? subscriptionOf(line, data) : undefined
  return {
    ok: true,
    value: { text: withoutToken(line, text), event, data, correlationId, eventId: eventIdOf(line), subscription },
  }
}

function unauthorized(line: Record<string, unknown>): string {
  return errorReply(
    'Unauthorized: the first line of a TCP connection must carry "_token": `ksi token` shows it, KSI_TOKEN sets it',
    'KSI_UNAUTHORIZED',
    line,
  )
}

/** The secret ends here. Only a line that carries one is written anew; all others go on byte for byte. */
function withoutToken(line: Record<string, unknown>, text: string): string {
  if (!Object.hasOwn(line, '_token')) return text
  const { _token, ...rest } = line
  return JSON.stringify(rest)
}

/** An id the contract would refuse is left to the generation to complain about; the front then makes its own. */
function eventIdOf(line: Record<string, unknown>): string | undefined {
  const id = line['_event_id']
  if (typeof id !== 'string' || id === '' || id.length > 200) return undefined
  // A lone surrogate is valid in JSON, and makes encodeURIComponent throw.
  return encodeURIComponent(id.toWellFormed())
}

/** A client may give its name beside `data`, where a later generation would not see it. */
function subscriptionOf(line: Record<string, unknown>, data: Record<string, unknown>): string {
  const name = data['client_id'] ?? line['_client_id']
  return JSON.stringify(name === undefined ? data : { ...data, client_id: name })
}

function refuse(
  message: string,
  about: { event?: unknown; correlation_id?: unknown } = {},
): { ok: false; reply: string } {
  return { ok: false, reply: errorReply(message, 'KSI_BAD_REQUEST', about) }
}
