import { echoOptions } from '../../contracts/completion.ts'
import type { EchoOptions } from '../../contracts/completion.ts'
import type { RunInput } from '../../contracts/runner.ts'
import { sleep } from '../../lib/backoff.ts'
import { allText, lastText } from '../../lib/prompt.ts'
import { ProviderError } from './provider.ts'
import type { Provider, ProviderContext, ProviderResult } from './provider.ts'
import { newSession, sessionOf } from './session.ts'

const maxProgressEvents = 20

/**
 * Answers with what it was given: offline and deterministic. `extra_body.echo` (echoOptions) says how slow, how long,
 * and whether to fail.
 */
export function createEcho(): Provider {
  return { name: 'echo', run }
}

async function run(input: RunInput, ctx: ProviderContext): Promise<ProviderResult> {
  const options = readOptions(input)
  const said = options.chunks === undefined ? undefined : await speak(options.chunks, options, ctx)
  if (said === undefined) await spend(options, ctx)
  ctx.signal.throwIfAborted()
  failAsAsked(options, input.attempt)
  const result = said ?? lastText(input)
  if (said === undefined) ctx.onChunk({ kind: 'text', text: result })
  return answer(input, options, result)
}

function readOptions(input: RunInput): EchoOptions {
  const parsed = echoOptions.safeParse(input.extra_body?.['echo'] ?? {})
  if (parsed.success) return parsed.data
  const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ')
  throw new ProviderError(`extra_body.echo is not valid: ${problems}.`, { retryable: false, reason: 'invalid_request' })
}

/** Waits as long as asked; with tokens, in so many equal steps that at most `maxProgressEvents` are told of. */
async function spend(
  { latency_ms: latencyMs = 0, tokens = 0 }: EchoOptions,
  { signal, onProgress }: ProviderContext,
): Promise<void> {
  const steps = Math.max(1, Math.min(tokens, maxProgressEvents))
  const began = performance.now()
  for (let step = 1; step <= steps && !signal.aborted; step++) {
    const leftMs = began + (latencyMs * step) / steps - performance.now()
    if (leftMs > 0) await sleep(leftMs, signal)
    if (tokens > 0 && !signal.aborted)
      onProgress({
        status: 'streaming',
        provider: 'echo',
        tokens: Math.round((tokens * step) / steps),
        tokens_total: tokens,
      })
  }
}

/** Gives numbered pieces, evenly over the latency; late ones together, so that it never falls behind. */
async function speak(
  chunks: number,
  { latency_ms: latencyMs = 0 }: EchoOptions,
  { signal, onChunk }: ProviderContext,
): Promise<string> {
  const began = performance.now()
  const said: string[] = []
  while (said.length < chunks && !signal.aborted) {
    const leftMs = began + (latencyMs * (said.length + 1)) / chunks - performance.now()
    if (leftMs > 0) await sleep(leftMs, signal)
    const text = `${said.length} `
    onChunk({ kind: 'text', text })
    said.push(text)
  }
  return said.join('')
}

function failAsAsked({ fail, fail_times: times }: EchoOptions, attempt: number): void {
  const kind = fail ?? (times === undefined ? undefined : 'retryable')
  if (kind === undefined || (times !== undefined && attempt > times)) return
  throw new ProviderError(`echo fails as it was asked to (${kind}, try ${attempt})`, {
    retryable: kind === 'retryable',
  })
}

function answer(input: RunInput, options: EchoOptions, result: string): ProviderResult {
  const { session_id: before, parameters } = input
  const promptTokens = countWords(allText(input))
  const completionTokens = options.tokens ?? countWords(result)
  const sessionId = options.new_session ? newSession('echo', input.run_id) : sessionOf(input, 'echo')
  const metadata = {
    provider: 'echo',
    request_id: input.request_id,
    attempt: input.attempt,
    ...(before === undefined ? {} : { resumed_session: before }),
    ...(Object.keys(parameters).length > 0 && { parameters }),
  }
  return {
    session_id: sessionId,
    usage: { input_tokens: promptTokens, output_tokens: completionTokens, cache_read_tokens: 0, cache_write_tokens: 0 },
    response: {
      result,
      model: input.model,
      usage: {
        prompt_tokens: promptTokens,
        completion_tokens: completionTokens,
        total_tokens: promptTokens + completionTokens,
      },
      session_id: sessionId,
      metadata,
    },
  }
}

function countWords(text: string): number {
  return text.split(/\s+/).filter(Boolean).length
}
