import { asText } from '../../lib/as-text.ts'
import { messageOf, systemCodeOf } from '../../lib/errors.ts'
import { isObject } from '../../lib/ndjson.ts'
import { readLimit, retryAfterMs } from './limits.ts'
import { ProviderError, overloadedStatus } from './provider.ts'

/** Longer words of a provider are cut. */
const maxWords = 4_000
/** What an account lacks does not pass by itself, though it is told with 429. */
const lasting = new Set(['insufficient_quota', 'billing_error', 'billing_not_active'])
/** What may pass by itself, though it comes within a stream, without a status. */
const passing = new Set(['overloaded_error', 'rate_limit_error', 'api_error', 'server_error', 'timeout_error'])

/**
 * What a failed call of an API means: whether another try makes sense, and when; in the provider's own words. Takes
 * what the SDKs throw, without knowing them.
 */
export function httpFailure(error: unknown, name: string): ProviderError {
  if (error instanceof ProviderError) return error
  const { status, headers, error: body } = isThrown(error) ? error : {}
  const [type, code] = kindOf(body)
  const words = wordsOf(error, status, body).slice(0, maxWords)
  const asked = headers && retryAfterMs((header) => headers.get(header), Date.now())
  const waitMs = asked === undefined ? undefined : Math.max(0, Math.round(asked))
  if (lasting.has(type) || lasting.has(code)) return new ProviderError(`${name}: ${words}`, { retryable: false })
  const limit = readLimit({ text: words, ...(typeof status === 'number' && { status }), ...(headers && { headers }) })
  if (limit !== undefined) return new ProviderError(`${name}: ${words}`, { retryable: true, limited: true, ...limit })
  if (typeof status === 'number') {
    const said = headers?.get('x-should-retry')
    const retryable = said === 'true' || (said !== 'false' && (status === 408 || status >= 500))
    return new ProviderError(`${name}: ${words}`, {
      retryable,
      retryAfterMs: waitMs,
      outage: overloadedStatus.has(status),
    })
  }
  // Said in the middle of an answer: there is no status.
  if (body !== undefined)
    return new ProviderError(`${name}: ${words}`, {
      retryable: passing.has(type) || /overloaded|try again|timeout/i.test(words),
      outage: /overloaded/i.test(`${type} ${words}`),
      retryAfterMs: waitMs,
    })
  if (error instanceof SyntaxError)
    return new ProviderError(`${name} answered something that is no JSON: ${words}`, { retryable: true, cause: error })
  const system = causes(error)
    .map(systemCodeOf)
    .find((found) => found !== undefined)
  const detail = causes(error).map(messageOf).at(-1) ?? words
  return new ProviderError(`${name} could not be reached, or broke off: ${detail}${system ? ` (${system})` : ''}`, {
    retryable: true,
    outage: true,
    cause: error,
  })
}

interface Thrown {
  status?: unknown
  headers?: Headers | undefined
  error?: unknown
}

function isThrown(error: unknown): error is Thrown {
  return isObject(error)
}

/** Its type and code; a body may hold the error, or be it. */
function kindOf(body: unknown): [type: string, code: string] {
  const inner = isObject(body) && isObject(body['error']) ? body['error'] : body
  return isObject(inner) ? [asText(inner['type']), asText(inner['code'])] : ['', '']
}

/** Its own words, where it has any, with what it calls the error. */
function wordsOf(error: unknown, status: unknown, body: unknown): string {
  const inner = isObject(body) && isObject(body['error']) ? body['error'] : body
  if (!isObject(inner) || typeof inner['message'] !== 'string') return messageOf(error)
  const [type] = kindOf(body)
  return `${asText(status)} ${inner['message']}${type === '' ? '' : ` (${type})`}`.trimStart()
}

function causes(error: unknown): unknown[] {
  const found: unknown[] = []
  for (let at = error; at instanceof Error && found.length < 5; at = at.cause) found.push(at)
  return found
}
