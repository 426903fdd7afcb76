import type { Chunk } from '../../contracts/chunk.ts'
import type { Usage } from '../../contracts/usage.ts'
import { asText } from '../../lib/as-text.ts'
import { isObject } from '../../lib/ndjson.ts'

type Json = Record<string, unknown>

/** Of a delta: what is to be put together; any other text is said once, or again and again the same. */
const pieces = new Set([
  'content',
  'reasoning',
  'reasoning_content',
  'refusal',
  'arguments',
  'text',
  'data',
  'transcript',
])

/** Puts the events of a chat completion together to the body that would have come in one piece. */
export class OpenAiAnswer {
  readonly body: Json = { choices: [] }
  readonly #onChunk: (chunk: Chunk) => void
  /** Of text so far. */
  characters = 0

  constructor(onChunk: (chunk: Chunk) => void) {
    this.#onChunk = onChunk
  }

  /** It came to its end: the model said why it stopped. */
  get whole(): boolean {
    const [first] = choicesOf(this.body)
    return first !== undefined && first['finish_reason'] != null
  }

  take(event: unknown): void {
    if (!isObject(event)) return
    const { choices, ...rest } = event
    Object.assign(this.body, rest, rest['object'] === 'chat.completion.chunk' ? { object: 'chat.completion' } : {})
    if (rest['usage'] != null) this.#tell({ kind: 'usage', usage: openAiUsage(rest['usage']) })
    for (const choice of Array.isArray(choices) ? choices.filter(isObject) : []) this.#takeChoice(choice)
  }

  #takeChoice({ delta, ...rest }: Json): void {
    const own = choicesOf(this.body)
    const index = typeof rest['index'] === 'number' ? rest['index'] : 0
    let choice = own.find((other) => other['index'] === index)
    if (choice === undefined) {
      choice = { index, message: { role: 'assistant', content: null } }
      own.push(choice)
      this.body['choices'] = own
    }
    merge(choice, rest)
    if (!isObject(delta)) return
    if (isObject(choice['message'])) merge(choice['message'], delta)
    this.#tellDelta(delta)
  }

  #tellDelta(delta: Json): void {
    const { role: _, content, reasoning_content: thought, reasoning = thought, tool_calls: calls, ...rest } = delta
    if (typeof content === 'string' && content !== '') this.#tell({ kind: 'text', text: content })
    if (typeof reasoning === 'string' && reasoning !== '') this.#tell({ kind: 'reasoning', text: reasoning })
    for (const call of Array.isArray(calls) ? calls.filter(isObject) : []) {
      const { name, arguments: given } = isObject(call['function']) ? call['function'] : {}
      this.#tell({
        kind: 'tool',
        index: Number(call['index'] ?? 0),
        ...(typeof call['id'] === 'string' && { id: call['id'] }),
        ...(typeof name === 'string' && { name }),
        arguments: asText(given),
      })
    }
    if (Object.values(rest).some((value) => value != null)) this.#tell({ kind: 'raw', data: rest })
  }

  #tell(chunk: Chunk): void {
    if (chunk.kind === 'text') this.characters += chunk.text.length
    this.#onChunk(chunk)
  }
}

/** The text of a completion's first choice; undefined when it is none. */
export function openAiText(body: Json): string | undefined {
  const [first] = choicesOf(body)
  if (!isObject(first?.['message'])) return undefined
  const { content } = first['message']
  return typeof content === 'string' ? content : ''
}

/** Usage as OpenAI and those like it tell it; OpenRouter tells what it costs. */
export function openAiUsage(told: unknown): Usage {
  const usage = isObject(told) ? told : {}
  const details = isObject(usage['prompt_tokens_details']) ? usage['prompt_tokens_details'] : {}
  return {
    input_tokens: Number(usage['prompt_tokens'] ?? 0),
    output_tokens: Number(usage['completion_tokens'] ?? 0),
    cache_read_tokens: Number(details['cached_tokens'] ?? 0),
    cache_write_tokens: Number(details['cache_write_tokens'] ?? 0),
    ...(typeof usage['cost'] === 'number' && { cost_usd: usage['cost'] }),
  }
}

function choicesOf(body: Json): Json[] {
  return Array.isArray(body['choices']) ? body['choices'].filter(isObject) : []
}

function merge(into: Json, from: Json): void {
  for (const [key, value] of Object.entries(from)) {
    const before = into[key]
    if (value == null) into[key] = before ?? null
    else if (typeof value === 'string' && typeof before === 'string' && pieces.has(key)) into[key] = before + value
    else if (Array.isArray(value) && value.every(isIndexed)) into[key] = mergeIndexed(before, value)
    else if (isObject(value) && isObject(before)) merge(before, value)
    else into[key] = value
  }
}

function isIndexed(value: unknown): value is Json {
  return isObject(value) && typeof value['index'] === 'number'
}

function mergeIndexed(before: unknown, parts: Json[]): Json[] {
  const list = Array.isArray(before) ? before.filter(isObject) : []
  for (const part of parts) {
    const known = list.find((other) => other['index'] === part['index'])
    if (known) merge(known, part)
    else list.push({ ...part })
  }
  return list
}
