import type { RunInput } from '../../contracts/runner.ts'
import type { FailureReason } from '../../contracts/words.ts'

/** What a provider has answered. */
export interface ProviderResult {
  /** Stored untouched as the result's `response`. */
  response: Record<string, unknown>
  session_id?: string | undefined
}

/** What a run has besides its input. */
export interface ProviderContext {
  /** When it aborts, the provider ends all it has begun and then settles, however it likes. */
  signal: AbortSignal
  onProgress: (data: Record<string, unknown>) => void
}

/** Something that answers prompts. `name` is the part of a model's name before the slash. */
export interface Provider {
  readonly name: string
  run(input: RunInput, ctx: ProviderContext): Promise<ProviderResult>
}

/** A failure the provider understands: whether another try makes sense, and after how many ms at least. */
export class ProviderError extends Error {
  readonly retryable: boolean
  readonly retryAfterMs: number | undefined
  readonly limited: boolean
  readonly reason: FailureReason

  constructor(
    message: string,
    options: {
      retryable: boolean
      retryAfterMs?: number | undefined
      /** by a limit of use (limits.ts): it passes by itself, and the try does not count */
      limited?: boolean
      reason?: FailureReason
      cause?: unknown
    },
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'ProviderError'
    this.retryable = options.retryable
    this.retryAfterMs = options.retryAfterMs
    this.limited = options.limited ?? false
    this.reason = options.reason ?? 'provider_error'
  }
}
