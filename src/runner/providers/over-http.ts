import type { Chunk } from '../../contracts/chunk.ts'
import type { Usage } from '../../contracts/usage.ts'
import { httpFailure } from './http-failure.ts'
import { ProviderError } from './provider.ts'
import type { ProviderContext, ProviderResult } from './provider.ts'
import { whileHeard } from './silence.ts'

/** What every provider over HTTP has. */
export interface HttpEndpoint {
  name: string
  /** what it takes to be used, when it is not there */
  missing: () => string | undefined
  silenceMs: number
}

/** One call: ended by its signal, and by silence. */
export interface HttpCall {
  signal: AbortSignal
  /** to be called when something comes */
  heard: () => void
  onChunk: (chunk: Chunk) => void
}

/**
 * Makes a call of an API. What was used until it failed is counted all the same.
 * @throws ProviderError, also when the endpoint lacks something; the signal's reason when it was aborted
 */
export async function overHttp(
  { name, missing, silenceMs }: HttpEndpoint,
  ctx: ProviderContext,
  work: (call: HttpCall) => Promise<ProviderResult>,
): Promise<ProviderResult> {
  const lacking = missing()
  if (lacking !== undefined) throw new ProviderError(`${name} cannot be used: ${lacking}`, { retryable: false })
  let used: Usage | undefined
  const onChunk = (chunk: Chunk): void => {
    if (chunk.kind === 'usage') used = chunk.usage
    ctx.onChunk(chunk)
  }
  try {
    const limits = { name, limitMs: silenceMs, signal: ctx.signal }
    return await whileHeard(limits, (signal, heard) => work({ signal, heard, onChunk }))
  } catch (error) {
    ctx.signal.throwIfAborted()
    throw Object.assign(httpFailure(error, name), used && { usage: used })
  }
}
