import { parseObject } from '../../lib/ndjson.ts'
import type { ProgramEnd } from '../program.ts'
import { readLimit } from './limits.ts'
import { ProviderError } from './provider.ts'

/**
 * The JSON object that claude has printed.
 * @throws ProviderError when there is none, when it says `is_error`, or when the program did not end with 0
 */
export function readReply(end: ProgramEnd): Record<string, unknown> {
  if (end.tooMuch) throw new ProviderError('claude printed more than 10 MiB. Ask it for less.', { retryable: false })
  const reply = parseObject(end.stdout)
  // The reply says more of a failure than the exit code does, so it is looked at first.
  if (reply?.['is_error'] === true) throw failure(errorText(reply), reply['api_error_status'])
  if (end.code !== 0) throw failure(exitText(end))
  if (reply) return reply
  throw new ProviderError(
    `claude printed something else than a JSON object: ${JSON.stringify(end.stdout.slice(0, 200))}. ` +
      'Check that KSI_CLAUDE_BIN is the claude program.',
    {
      retryable: false,
    },
  )
}

function errorText(reply: Record<string, unknown>): string {
  const { result, subtype, errors } = reply
  if (typeof result === 'string' && result !== '') return result
  if (Array.isArray(errors) && errors.length > 0) return errors.map(String).join('; ')
  return typeof subtype === 'string' ? subtype : 'claude says is_error, and nothing more'
}

function exitText({ code, signal, stderr, stdout }: ProgramEnd): string {
  if (code === null) return `claude was terminated with signal ${signal}`
  const said = (stderr.trim() || stdout.trim()).slice(0, 4_000)
  return said === '' ? `claude failed with code ${code} and said nothing` : `claude failed with code ${code}: ${said}`
}

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

/** Turns a failure into an error that says whether another try makes sense. @param status that of the model's API */
export function failure(text: string, status?: unknown): ProviderError {
  const message = text.slice(0, 4_000)
  const limit = readLimit({ text: message, status: typeof status === 'number' ? status : undefined })
  if (limit !== undefined) return new ProviderError(message, { retryable: true, limited: true, ...limit })
  if (!passing.some((pattern) => pattern.test(message))) return new ProviderError(message, { retryable: false })
  return new ProviderError(message, { retryable: true, retryAfterMs: retryAfterMs(message) })
}
