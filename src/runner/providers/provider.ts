import type { Chunk } from '../../contracts/chunk.ts'
import type { RunInput } from '../../contracts/runner.ts'
import type { Usage } from '../../contracts/usage.ts'
import type { FailureReason } from '../../contracts/words.ts'

/** By these an API says that it, or what stands before it, has too much to do: whoever else asks fares the same. */
export const overloadedStatus: ReadonlySet<unknown> = new Set([502, 503, 504, 529])

/** What a provider has answered. */
export interface ProviderResult {
  /** Stored untouched as the result's `response`. */
  response: Record<string, unknown>
  session_id?: string | undefined
  /** Why a new session was begun instead of going on with the one before. */
  session_restarted?: string | undefined
  usage?: Usage | undefined
}

/** What a run has besides its input. */
export interface ProviderContext {
  /** When it aborts, the provider ends all it has begun and then settles, however it likes. */
  signal: AbortSignal
  /** What people are told on the way, a few times a run: it is kept in the journal. */
  onProgress: (data: Record<string, unknown>) => void
  /** Each piece of output as soon as it is there, in order. What was not handed over has not come. */
  onChunk: (chunk: Chunk) => void
}

/** Something that answers prompts. `name` is the part of a model's name before the slash. */
export interface Provider {
  readonly name: string
  /** What it lacks to be used: a key, an address, a program. Asked often; looks at nothing far away. */
  missing?(): string | undefined
  run(input: RunInput, ctx: ProviderContext): Promise<ProviderResult>
}

/** What is known of a failure besides its words. */
interface Failure {
  retryable: boolean
  /** how long to wait before the next try, at least */
  retryAfterMs?: number | undefined
  /** by a limit of use (limits.ts): it passes by itself, and the try does not count */
  limited?: boolean
  /** overloaded, or not reached: others who ask it now fare the same */
  outage?: boolean
  reason?: FailureReason
  cause?: unknown
  /** the provider no longer has the session; it has done nothing */
  sessionUnknown?: boolean
  usage?: Usage | undefined
}

/** A failure the provider understands: whether another try makes sense, and after how many ms at least. */
export class ProviderError extends Error {
  readonly retryable: boolean
  readonly retryAfterMs: number | undefined
  readonly limited: boolean
  readonly outage: boolean
  readonly reason: FailureReason
  readonly sessionUnknown: boolean
  readonly usage: Usage | undefined

  constructor(message: string, failure: Failure) {
    super(message, failure.cause === undefined ? undefined : { cause: failure.cause })
    this.name = 'ProviderError'
    this.retryable = failure.retryable
    this.retryAfterMs = failure.retryAfterMs
    this.limited = failure.limited ?? false
    this.outage = failure.outage ?? false
    this.reason = failure.reason ?? 'provider_error'
    this.sessionUnknown = failure.sessionUnknown ?? false
    this.usage = failure.usage
  }
}

/** A request that asks for what the provider does not do: final, and its own doing. */
export function refusal(message: string): ProviderError {
  return new ProviderError(message, { retryable: false, reason: 'invalid_request' })
}
