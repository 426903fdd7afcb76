import { errorReply } from '../../contracts/wire.ts'
import type { ReplyTo } from '../../contracts/wire.ts'
import { messageOf } from '../../lib/errors.ts'
import { overLimit, withoutLongStrings, writtenMember } from '../../lib/json-shape.ts'
import { isObject, parseObject, textOfLine } from '../../lib/ndjson.ts'
import { rightsOf } from './rights.ts'
import type { Rights, Tokens } from './rights.ts'

/** What a request line may be made of: looked at before anything parses it. */
const lineLimits = { levels: 64, values: 20_000 } as const
const correlationLimits = { levels: 8, values: 1_024 } as const
const maxCorrelationBytes = 1_024
/** Characters of an event's name, and of the names a client gives itself. */
const maxNameLength = 200
/** A line of more bytes is not parsed here but for what the front has to know, and goes on as the bytes it is. */
const largeLine = 262_144
/** Strings of more bytes are left out of it. */
const longString = 4_096

/** What the front needs to know of a request line. */
export interface RequestLine {
  /** the line as it goes on to the generation */
  text: string | Buffer
  event: string
  /** parsed when it is asked for, where the line is a large one */
  readonly data: Record<string, unknown>
  /** `correlation_id` as it was written */
  correlation: string
  /** the request's own `_event_id`, encoded for a frame */
  eventId: string | undefined
  /** its reply may come before that to an earlier one, and after it */
  unordered: boolean
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
 * asked for; what it says of rights then holds for all that follow
 */
export function judgeLine(bytes: Buffer, checks: { strict: boolean; tokens: Tokens }): Verdict {
  const { strict, tokens } = checks
  const line = readObject(bytes)
  // A web page can make its browser send any text to a local port, but not without an HTTP request line before it.
  if (!line.ok)
    return strict ? { kind: 'refuse', reply: line.reply } : { kind: 'error', reply: line.reply, rights: 'all' }
  const { value, text, whole } = line.value
  const rights = strict ? rightsOf(value, tokens) : 'all'
  if (rights === 'none') return { kind: 'refuse', reply: unauthorized(value, text) }
  const request = toRequest(value, text, whole)
  return request.ok
    ? { kind: 'request', request: request.value, rights }
    : { kind: 'error', reply: request.reply, rights }
}

/** A line's object; without its long strings where `whole`, the line as it came, is there too. */
interface ReadLine {
  value: Record<string, unknown>
  text: string
  whole: Buffer | undefined
}

function readObject(bytes: Buffer): Read<ReadLine> {
  const over = overLimit(bytes, lineLimits)
  if (over !== undefined)
    return refuse(`The line has more than ${lineLimits[over]} ${over} and was not taken. Send a simpler one.`)
  const isLarge = bytes.length > largeLine
  const text = textOfLine(isLarge ? withoutLongStrings(bytes, longString) : bytes)
  try {
    const value: unknown = JSON.parse(text)
    if (isObject(value)) return { ok: true, value: { value, text, whole: isLarge ? bytes : undefined } }
    return refuse('Invalid JSON: a request is one JSON object on one line, as {"event": "system:health"}')
  } catch (error) {
    return refuse(`Invalid JSON: ${text.trim() === '' ? 'the line is empty' : messageOf(error).slice(0, 500)}`)
  }
}

/** Checks the fields the front depends on; the rest is the generation's to judge (docs/wire.md, "Errors"). */
function toRequest(line: Record<string, unknown>, text: string, whole: Buffer | undefined): Read<RequestLine> {
  const { event, data = {} } = line
  const correlation = correlationOf(line, text)
  if (correlation === undefined)
    return refuse(
      `Invalid correlation_id: over ${maxCorrelationBytes} bytes, or over ${correlationLimits.levels} levels`,
    )
  if (event === undefined || event === null || event === '') return refuse('Missing event name', { correlation })
  if (typeof event !== 'string') return refuse('Invalid event name: it must be a string', { correlation })
  if (event.length > maxNameLength)
    return refuse(`Invalid event name: over ${maxNameLength} characters`, { correlation })
  if (!isObject(data)) return refuse(`Invalid data for ${event}: it must be a JSON object`, { event, correlation })
  const badId = ['_event_id', '_client_id', 'client_id', '_agent_id'].find((name) => !isFitId(line[name]))
  if (badId !== undefined)
    return refuse(`Invalid ${badId}: over ${maxNameLength} characters, or half a surrogate pair`, {
      event,
      correlation,
    })
  const subscription = event === 'monitor:subscribe' ? subscriptionOf(line, data) : undefined
  const known = { event, correlation, eventId: eventIdOf(line), unordered: line['_unordered'] === true, subscription }
  const request =
    whole === undefined
      ? { ...known, data, text: withoutToken(line, text, correlation) }
      : new LargeRequest(known, line, whole)
  return { ok: true, value: request }
}

/** A line that is parsed as a whole only where that is needed. */
class LargeRequest implements RequestLine {
  readonly text: string | Buffer
  readonly event: string
  readonly correlation: string
  readonly eventId: string | undefined
  readonly unordered: boolean
  readonly subscription: string | undefined
  readonly #whole: Buffer

  constructor(known: Omit<RequestLine, 'text' | 'data'>, line: Record<string, unknown>, whole: Buffer) {
    this.event = known.event
    this.correlation = known.correlation
    this.eventId = known.eventId
    this.unordered = known.unordered
    this.subscription = known.subscription
    this.#whole = whole
    this.text = Object.hasOwn(line, '_token') ? withoutToken(this.#parse(), '', known.correlation) : whole
  }

  get data(): Record<string, unknown> {
    const { data } = this.#parse()
    return isObject(data) ? data : {}
  }

  #parse(): Record<string, unknown> {
    return parseObject(textOfLine(this.#whole)) ?? {}
  }
}

/**
 * The id as it was written; `null` when there is none.
 * @returns undefined for one that is too large to be carried and repeated
 */
function correlationOf(line: Record<string, unknown>, text: string): string | undefined {
  const name = (line['correlation_id'] ?? undefined) === undefined ? '_correlation_id' : 'correlation_id'
  const correlation = writtenMember(line, text, name)
  const bytes = Buffer.from(correlation)
  if (bytes.length > maxCorrelationBytes || overLimit(bytes, correlationLimits) !== undefined) return undefined
  return correlation
}

/** Anything but text is no id and is left to the generation to judge. Half a surrogate pair would be stored as
 * `\ufffd`, and ids that differ would become one. */
function isFitId(id: unknown): boolean {
  return typeof id !== 'string' || (id.length <= maxNameLength && id.isWellFormed())
}

function unauthorized(line: Record<string, unknown>, text: string): string {
  const event = typeof line['event'] === 'string' && line['event'].length <= maxNameLength ? line['event'] : undefined
  return errorReply(
    'Unauthorized: the first line of a TCP connection must carry "_token": `ksi token` shows it, KSI_TOKEN sets it',
    'KSI_UNAUTHORIZED',
    { event, correlation: correlationOf(line, text) },
  )
}

/** The secret ends here. Only a line that carries one is written anew; all others go on byte for byte. */
function withoutToken(line: Record<string, unknown>, text: string, correlation: string): string {
  if (!Object.hasOwn(line, '_token')) return text
  const { _token, correlation_id: _own, _correlation_id: _inner, ...rest } = line
  return `${JSON.stringify(rest).slice(0, -1)},"correlation_id":${correlation}}`
}

/** @returns undefined when there is none; the front then makes its own */
function eventIdOf(line: Record<string, unknown>): string | undefined {
  const id = line['_event_id']
  return typeof id === 'string' && id !== '' ? encodeURIComponent(id) : undefined
}

/** A client may give its name beside `data`, where a later generation would not see it. */
function subscriptionOf(line: Record<string, unknown>, data: Record<string, unknown>): string {
  const name = data['client_id'] ?? line['_client_id']
  return JSON.stringify(name === undefined ? data : { ...data, client_id: name })
}

function refuse(message: string, about: ReplyTo = {}): { ok: false; reply: string } {
  return { ok: false, reply: errorReply(message, 'KSI_BAD_REQUEST', about) }
}
