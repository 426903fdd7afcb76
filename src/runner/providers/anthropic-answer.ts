import type { Chunk } from '../../contracts/chunk.ts'
import type { Usage } from '../../contracts/usage.ts'
import { asText } from '../../lib/as-text.ts'
import { isObject, parseObject } from '../../lib/ndjson.ts'

type Json = Record<string, unknown>

/** The part of a block that a delta adds to. */
const grows: Record<string, string> = { text_delta: 'text', thinking_delta: 'thinking', signature_delta: 'signature' }

/** Puts the events of a message together to the body that would have come in one piece. */
export class AnthropicAnswer {
  body: Json = {}
  /** It came to its end. */
  whole = false
  /** Of text so far. */
  characters = 0
  readonly #onChunk: (chunk: Chunk) => void
  readonly #blocks: Json[] = []
  /** The arguments of tool calls, as JSON text that is not whole yet. */
  readonly #arguments = new Map<number, string>()

  constructor(onChunk: (chunk: Chunk) => void) {
    this.#onChunk = onChunk
  }

  take(event: unknown): void {
    if (!isObject(event)) return
    const { type, index, message, content_block: block, delta, usage } = event
    if (type === 'message_start' && isObject(message)) this.body = { ...message, content: this.#blocks }
    else if (type === 'content_block_start' && isObject(block)) this.#begin(Number(index), block)
    else if (type === 'content_block_delta' && isObject(delta)) this.#grow(Number(index), delta)
    else if (type === 'content_block_stop') this.#end(Number(index))
    else if (type === 'message_stop') this.whole = true
    else if (type === 'message_delta') {
      Object.assign(this.body, delta)
      this.body['usage'] = { ...(isObject(this.body['usage']) && this.body['usage']), ...(isObject(usage) && usage) }
    } else this.#onChunk({ kind: 'raw', data: event })
    if (type === 'message_start' || type === 'message_delta')
      this.#onChunk({ kind: 'usage', usage: anthropicUsage(this.body['usage']) })
  }

  #begin(index: number, block: Json): void {
    this.#blocks[index] = { ...block }
    if (block['type'] === 'tool_use')
      this.#onChunk({ kind: 'tool', index, id: asText(block['id']), name: asText(block['name']), arguments: '' })
    else if (block['type'] !== 'text' && block['type'] !== 'thinking') this.#onChunk({ kind: 'raw', data: block })
  }

  #grow(index: number, delta: Json): void {
    const block = (this.#blocks[index] ??= {})
    const key = grows[asText(delta['type'])]
    if (key !== undefined) {
      const text = asText(delta[key])
      block[key] = asText(block[key]) + text
      if (key === 'text') this.characters += text.length
      if (key !== 'signature') this.#onChunk({ kind: key === 'text' ? 'text' : 'reasoning', text })
    } else if (delta['type'] === 'input_json_delta') {
      const part = asText(delta['partial_json'])
      this.#arguments.set(index, (this.#arguments.get(index) ?? '') + part)
      this.#onChunk({ kind: 'tool', index, arguments: part })
    } else {
      if (delta['type'] === 'citations_delta')
        block['citations'] = [...(Array.isArray(block['citations']) ? block['citations'] : []), delta['citation']]
      this.#onChunk({ kind: 'raw', data: delta })
    }
  }

  #end(index: number): void {
    const given = this.#arguments.get(index)
    const block = this.#blocks[index]
    if (given !== undefined && given !== '' && block) block['input'] = parseObject(given) ?? given
  }
}

/** The text of a message; undefined when it is none. */
export function anthropicText({ content }: Json): string | undefined {
  if (!Array.isArray(content)) return undefined
  return content
    .filter(isObject)
    .map((block) => (block['type'] === 'text' ? asText(block['text']) : ''))
    .join('')
}

/** Usage as Anthropic tells it, also through Claude Code: what came from the cache is not in its `input_tokens`. */
export function anthropicUsage(told: unknown): Usage {
  const usage = isObject(told) ? told : {}
  const read = Number(usage['cache_read_input_tokens'] ?? 0)
  const written = Number(usage['cache_creation_input_tokens'] ?? 0)
  return {
    input_tokens: Number(usage['input_tokens'] ?? 0) + read + written,
    output_tokens: Number(usage['output_tokens'] ?? 0),
    cache_read_tokens: read,
    cache_write_tokens: written,
  }
}
