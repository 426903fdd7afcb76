import { bodyPart } from '../../contracts/providers.ts'
import type { RunInput } from '../../contracts/runner.ts'
import { conversationOf, forOpenAi } from './messages.ts'
import { cutOff, noCompletion, openAnswer } from './http-answer.ts'
import { OpenAiAnswer, openAiText, openAiUsage } from './openai-answer.ts'
import { overHttp } from './over-http.ts'
import type { HttpCall, HttpEndpoint } from './over-http.ts'
import { refusal } from './provider.ts'
import type { Provider, ProviderContext, ProviderResult } from './provider.ts'
import { sessionOf } from './session.ts'

/** A server that speaks OpenAI's chat completions. */
export interface OpenAiEndpoint extends HttpEndpoint {
  name: 'openai' | 'openai-compatible'
  key: string | undefined
  /** up to and with `/v1`; OpenAI's own unless given */
  url: string | undefined
}

/** The official SDK in its plainest use: bodies go out as they are made here, and come back as they were sent. */
export function createOpenAi(endpoint: OpenAiEndpoint): Provider {
  const { name, missing } = endpoint
  const run = (input: RunInput, ctx: ProviderContext): Promise<ProviderResult> =>
    overHttp(endpoint, ctx, (http) => call(endpoint, { input, body: toBody(input, name), ...http }))
  return { name, missing, run }
}

interface Call extends HttpCall {
  input: RunInput
  body: Record<string, unknown>
}

async function call({ name, key, url }: OpenAiEndpoint, { input, body, signal, heard, onChunk }: Call) {
  // Loaded at the first call: nobody who does not use it pays for it.
  const [{ OpenAI }, { Stream }] = await Promise.all([import('openai'), import('openai/streaming')])
  const client = new OpenAI({
    apiKey: key ?? 'none',
    baseURL: url ?? null,
    organization: null,
    project: null,
    // Ours to decide: tries are counted and waited for by the daemon.
    maxRetries: 0,
    timeout: input.timeout_ms,
    logLevel: 'off',
  })
  const response = await client.post('/chat/completions', { body, signal }).asResponse()
  heard()
  const answer = await openAnswer(response, name, heard)
  if ('body' in answer) return toResult(name, input, answer.body)
  const assembled = new OpenAiAnswer(onChunk)
  for await (const event of Stream.fromSSEResponse(answer.events, new AbortController(), client)) assembled.take(event)
  signal.throwIfAborted()
  if (!assembled.whole) throw cutOff(name, assembled.characters)
  return toResult(name, input, assembled.body)
}

function toResult(name: string, input: RunInput, body: Record<string, unknown>): ProviderResult {
  const result = openAiText(body)
  if (result === undefined) throw noCompletion(name, body)
  const sessionId = sessionOf(input, name)
  return {
    session_id: sessionId,
    ...(body['usage'] != null && { usage: openAiUsage(body['usage']) }),
    response: { ...body, result, session_id: sessionId },
  }
}

/** The body of a request: what `extra_body` says stands above all. */
function toBody(input: RunInput, name: OpenAiEndpoint['name']): Record<string, unknown> {
  const { system, max_tokens: maxTokens, stream = true, ...parameters } = input.parameters
  const model = input.model.split('/').slice(1).join('/')
  if (model === '') throw refusal(`"${input.model}" names no model. Say ${name}/MODEL.`)
  const messages = forOpenAi(conversationOf(input))
  return {
    model,
    messages: system == null ? messages : [{ role: 'system', content: system }, ...messages],
    ...parameters,
    // OpenAI's newer models know the limit by this name only; of the others hardly any knows it by that.
    ...(maxTokens != null && { [name === 'openai' ? 'max_completion_tokens' : 'max_tokens']: maxTokens }),
    stream,
    ...(stream === true && { stream_options: { include_usage: true } }),
    ...bodyPart(input.extra_body),
  }
}
