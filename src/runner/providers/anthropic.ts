import { bodyPart } from '../../contracts/providers.ts'
import type { RunInput } from '../../contracts/runner.ts'
import { isObject } from '../../lib/ndjson.ts'
import { AnthropicAnswer, anthropicText, anthropicUsage } from './anthropic-answer.ts'
import { cutOff, noCompletion, openAnswer } from './http-answer.ts'
import { blocksOf, conversationOf, forAnthropic } from './messages.ts'
import { overHttp } from './over-http.ts'
import type { HttpCall } from './over-http.ts'
import { refusal } from './provider.ts'
import type { Provider, ProviderContext, ProviderResult } from './provider.ts'
import { sessionOf } from './session.ts'

export interface AnthropicEndpoint {
  key: string | undefined
  /** in place of a key: what gateways ask for */
  token: string | undefined
  url: string | undefined
  missing: () => string | undefined
  silenceMs: number
}

const name = 'anthropic'
/** The API wants a limit; models that stop earlier by themselves say so in their own words. */
const defaultMaxTokens = 8_192

/** The official SDK in its plainest use: bodies go out as they are made here, and come back as they were sent. */
export function createAnthropic(endpoint: AnthropicEndpoint): Provider {
  const { missing, silenceMs } = endpoint
  const run = (input: RunInput, ctx: ProviderContext): Promise<ProviderResult> =>
    overHttp({ name, missing, silenceMs }, ctx, (http) => call(endpoint, { input, body: toBody(input), ...http }))
  return { name, missing, run }
}

interface Call extends HttpCall {
  input: RunInput
  body: Record<string, unknown>
}

async function call({ key, token, url }: AnthropicEndpoint, { input, body, signal, heard, onChunk }: Call) {
  const [{ Anthropic }, { Stream }] = await Promise.all([
    import('@anthropic-ai/sdk'),
    import('@anthropic-ai/sdk/streaming'),
  ])
  const client = new Anthropic({
    apiKey: key ?? null,
    // The SDK takes no two; where both are set it prefers the key, and so do we.
    authToken: key === undefined ? (token ?? null) : null,
    baseURL: url ?? null,
    maxRetries: 0,
    timeout: input.timeout_ms,
    logLevel: 'off',
  })
  const response = await client.post('/v1/messages', { body, signal }).asResponse()
  heard()
  const answer = await openAnswer(response, name, heard)
  if ('body' in answer) return toResult(input, answer.body)
  const assembled = new AnthropicAnswer(onChunk)
  for await (const event of Stream.fromSSEResponse(answer.events, new AbortController(), client)) assembled.take(event)
  signal.throwIfAborted()
  if (!assembled.whole) throw cutOff(name, assembled.characters)
  return toResult(input, assembled.body)
}

function toResult(input: RunInput, body: Record<string, unknown>): ProviderResult {
  const result = anthropicText(body)
  if (result === undefined) throw noCompletion(name, body)
  const sessionId = sessionOf(input, name)
  return {
    session_id: sessionId,
    ...(body['usage'] != null && { usage: anthropicUsage(body['usage']) }),
    response: { ...body, result, session_id: sessionId },
  }
}

/** The body of a request: what `extra_body` says stands above all. */
function toBody(input: RunInput): Record<string, unknown> {
  const { system, tools, tool_choice, parallel_tool_calls, response_format, max_tokens, stop, stream, ...parameters } =
    input.parameters
  const model = input.model.split('/').slice(1).join('/')
  if (model === '') throw refusal(`"${input.model}" names no model. Say ${name}/MODEL.`)
  const said = forAnthropic(conversationOf(input))
  const instructions = [...(system == null ? [] : blocksOf(system)), ...said.system]
  const choice = toolChoice(tool_choice, parallel_tool_calls)
  return {
    model,
    max_tokens: max_tokens ?? defaultMaxTokens,
    messages: said.messages,
    ...(instructions.length > 0 && { system: instructions }),
    ...(Array.isArray(tools) && { tools: tools.filter(isObject).map(toTool) }),
    ...(choice && { tool_choice: choice }),
    ...(response_format != null && { output_config: { format: outputFormat(response_format) } }),
    ...(stop != null && { stop_sequences: typeof stop === 'string' ? [stop] : stop }),
    ...parameters,
    stream: stream ?? true,
    ...bodyPart(input.extra_body),
  }
}

/** A tool as OpenAI writes it in Anthropic's words; any other as it is. */
function toTool(tool: Record<string, unknown>): Record<string, unknown> {
  if (tool['type'] !== 'function' || !isObject(tool['function'])) return tool
  const { name, description, parameters = { type: 'object' } } = tool['function']
  return { name, ...(description != null && { description }), input_schema: parameters }
}

function toolChoice(choice: unknown, parallel: unknown): Record<string, unknown> | undefined {
  if (choice == null && parallel == null) return undefined
  const serial = parallel == null ? {} : { disable_parallel_tool_use: parallel === false }
  if (isObject(choice) && isObject(choice['function']))
    return { type: 'tool', name: choice['function']['name'], ...serial }
  if (isObject(choice)) return { ...choice, ...serial }
  return { type: choice === 'required' ? 'any' : (choice ?? 'auto'), ...(choice === 'none' ? {} : serial) }
}

/** @throws ProviderError for what the API has no word for */
function outputFormat(format: unknown): Record<string, unknown> {
  if (isObject(format) && format['type'] === 'json_schema') {
    const { json_schema: inner } = format
    return { type: 'json_schema', schema: isObject(inner) ? inner['schema'] : format['schema'] }
  }
  const said = JSON.stringify(isObject(format) ? format['type'] : format)
  throw refusal(`anthropic takes no response_format ${said}: say json_schema.`)
}
