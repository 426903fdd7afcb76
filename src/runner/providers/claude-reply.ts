import type { ProgramEnd } from '../program.ts'
import { anthropicUsage } from './anthropic-answer.ts'
import type { ClaudeOutput } from './claude-output.ts'
import { readLimit } from './limits.ts'
import { ProviderError, overloadedStatus } from './provider.ts'
import type { Usage } from '../../contracts/usage.ts'

/**
 * The result that claude has printed.
 * @param resumed the session it was to go on from
 * @throws ProviderError when there is none, when it says `is_error`, or when the program did not end with 0
 */
export function readReply(
  end: ProgramEnd,
  { result: reply, unread }: ClaudeOutput,
  resumed?: string,
): Record<string, unknown> {
  try {
    return resultOf(end, reply, unread)
  } catch (error) {
    if (!(error instanceof ProviderError) || resumed === undefined || !unknownSession.test(error.message)) throw error
    throw new ProviderError(error.message, { retryable: false, sessionUnknown: true })
  }
}

function resultOf(
  end: ProgramEnd,
  reply: Record<string, unknown> | undefined,
  unread: string,
): Record<string, unknown> {
  if (end.tooMuch)
    throw new ProviderError('claude printed a line of more than 16 MiB. Ask it for less.', { retryable: false })
  // The reply says more of a failure than the exit code does, so it is looked at first.
  if (reply?.['is_error'] === true)
    throw failure(errorText(reply), { status: reply['api_error_status'], usage: claudeUsage(reply) })
  if (end.code !== 0) throw failure(exitText(end, unread))
  if (reply) return reply
  throw new ProviderError(
    `claude printed no result, but: ${JSON.stringify(unread.slice(0, 200))}. ` +
      'Check that KSI_CLAUDE_BIN is the claude program, and a current one.',
    { retryable: false },
  )
}

/** What a call has used, and what claude says it costs. */
export function claudeUsage(reply: Record<string, unknown>): Usage {
  const cost = reply['total_cost_usd']
  return { ...anthropicUsage(reply['usage']), ...(typeof cost === 'number' && { cost_usd: cost }) }
}

function errorText(reply: Record<string, unknown>): string {
  const { result, subtype, errors } = reply
  if (typeof result === 'string' && result !== '') return result
  if (Array.isArray(errors) && errors.length > 0) return errors.map(String).join('; ')
  return typeof subtype === 'string' ? subtype : 'claude says is_error, and nothing more'
}

function exitText({ code, signal, stderr }: ProgramEnd, unread: string): string {
  if (code === null) return `claude was terminated with signal ${signal}`
  const said = (stderr.trim() || unread.trim()).slice(0, 4_000)
  return said === '' ? `claude failed with code ${code} and said nothing` : `claude failed with code ${code}: ${said}`
}

/** Words for a session that claude does not have: it has done nothing then. */
const unknownSession = /no conversation found|is not a UUID|not a valid UUID|valid session id/i

/** Of these, overload and network. */
const outages = [
  /overloaded|\b(?:502|503|504|529)\b|service unavailable|bad gateway/i,
  /\bE(?:CONN\w+|PIPE|TIMEDOUT|NOTFOUND|AI_AGAIN|NETUNREACH|HOSTUNREACH)\b/,
  /fetch failed|socket hang up|connection (?:error|reset|refused|closed|timed out|aborted)|unable to connect/i,
]

/** Texts of failures that may pass by themselves: rate limit, overload, server trouble, network, time-outs. */
const passing = [
  /rate.?limit|too many requests|\b429\b/i,
  /overloaded|\b529\b|temporarily unavailable|service unavailable|bad gateway|internal server error/i,
  /(?:api error|status|http)\W{0,3}(?:code\W{0,3})?5\d\d\b/i,
  /\b(?:ECONNRESET|ECONNREFUSED|ECONNABORTED|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|ENETUNREACH|EHOSTUNREACH)\b/,
  /network|fetch failed|socket hang up|connection (?:error|reset|refused|closed|timed out|aborted)|unable to connect/i,
  /\btime(?:d)?[ -]?out\b/i,
]

const unitsMs: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }

/** The ms after `Retry-After: 12`, `retry after 2 minutes`, `try again in 30s`; seconds when no unit is named. */
export function retryAfterMs(text: string): number | undefined {
  const found = /(?:retry[ -]after|(?:retry|try again) in)\W{0,4}(\d+(?:\.\d+)?)\s*(ms\b|milli|s|m|h)?/i.exec(text)
  if (!found) return undefined
  const unit = (found[2] ?? 's').toLowerCase()
  return Math.round(Number(found[1]) * (unitsMs[unit === 'milli' ? 'ms' : unit] ?? 1_000))
}

/**
 * Turns a failure into an error that says whether another try makes sense.
 * @param status that of the model's API, where claude says so
 */
export function failure(text: string, { status, usage }: { status?: unknown; usage?: Usage } = {}): ProviderError {
  const message = text.slice(0, 4_000)
  const code = typeof status === 'number' ? status : undefined
  const limit = readLimit({ text: message, status: code })
  if (limit !== undefined) return new ProviderError(message, { retryable: true, limited: true, ...limit, usage })
  const retryable = code === undefined ? passing.some((one) => one.test(message)) : code === 408 || code >= 500
  const outage = code === undefined ? outages.some((one) => one.test(message)) : overloadedStatus.has(code)
  return new ProviderError(message, {
    retryable,
    outage: retryable && outage,
    usage,
    ...(retryable && { retryAfterMs: retryAfterMs(message) }),
  })
}
