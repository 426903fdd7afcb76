import type { RunOutcome } from '../contracts/runner.ts'
import { messageOf } from '../lib/errors.ts'
import { namesModel } from './providers/limits.ts'
import { ProviderError } from './providers/provider.ts'

type Failed = Extract<RunOutcome, { status: 'failed' }>

/** What an outcome says of what the provider of a model threw: its own words, and whether another try makes sense. */
export function failureOf(
  error: unknown,
  model: string,
): Omit<Failed, 'status' | 'provider' | 'started_at' | 'duration_ms'> {
  if (!(error instanceof ProviderError))
    return { reason: 'provider_error', message: messageOf(error), retryable: false }
  const { reason, message, retryable, limited, outage, retryAfterMs, sessionUnknown, usage } = error
  return {
    reason,
    message,
    retryable,
    ...(limited && { limited, limits: namesModel(message, model) ? 'model' : 'provider' }),
    ...(outage && { outage }),
    ...(retryAfterMs !== undefined && { retry_after_ms: retryAfterMs }),
    ...(sessionUnknown && { session_unknown: true }),
    ...(usage && { usage }),
  }
}
