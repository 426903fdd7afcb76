import type { Chunk } from '../../contracts/chunk.ts'
import { isObject, LineDecoder } from '../../lib/ndjson.ts'
import { AnthropicAnswer } from './anthropic-answer.ts'

/** The longest line: a result, or what a tool gave back. */
const maxLineBytes = 16 * 1024 * 1024

type Json = Record<string, unknown>

interface Listener {
  onChunk: (chunk: Chunk) => void
  onProgress: (data: Json) => void
}

/**
 * Reads what claude prints, as it comes: lines of events, of which the last is the result; or, as other versions and
 * settings have it, one list of them.
 */
export class ClaudeOutput {
  /** The newest result. */
  result: Json | undefined
  /** The first of what could not be read. */
  unread = ''
  tooLong = false
  readonly #listener: Listener
  readonly #lines: LineDecoder
  #answer: AnthropicAnswer
  #told = false

  constructor(listener: Listener) {
    this.#listener = listener
    this.#lines = new LineDecoder(
      maxLineBytes,
      (line) => this.#take(line),
      () => {
        this.tooLong = true
      },
    )
    this.#answer = this.#newAnswer()
  }

  /** @returns false when a line is too long */
  push(part: Buffer): boolean {
    this.#lines.push(part)
    return !this.tooLong
  }

  /** No more comes. */
  end(): void {
    this.#lines.push(Buffer.from('\n'))
    const text = this.result?.['result']
    if (!this.#told && typeof text === 'string' && text !== '') this.#listener.onChunk({ kind: 'text', text })
  }

  #newAnswer(): AnthropicAnswer {
    return new AnthropicAnswer((chunk) => {
      if (chunk.kind === 'text') this.#told = true
      this.#listener.onChunk(chunk)
    })
  }

  #take(line: string): void {
    if (line.trim() === '') return
    let value: unknown
    try {
      value = JSON.parse(line)
    } catch {
      value = undefined
    }
    const events = Array.isArray(value) ? value : [value]
    if (!events.every(isObject)) this.unread = (this.unread + line).slice(0, 4_000)
    else for (const event of events) this.#hear(event)
  }

  #hear(event: Json): void {
    const { onChunk, onProgress } = this.#listener
    const { type, subtype } = event
    // What is said below a tool call is a part of that.
    const own = event['parent_tool_use_id'] == null
    if (type === 'result') this.result = event
    else if (type === 'system' && subtype === 'api_retry')
      onProgress({ provider: 'claude-cli', api_retry: retryOf(event) })
    else if (type === 'stream_event' && isObject(event['event']) && own) {
      if (event['event']['type'] === 'message_start') this.#answer = this.#newAnswer()
      this.#answer.take(event['event'])
    } else if (type === 'user' || (type === 'stream_event' && !own)) onChunk({ kind: 'raw', data: event })
  }
}

/** What people want to know of it. */
function retryOf(event: Json): Json {
  const { attempt, max_retries, retry_delay_ms, error, error_status } = event
  return { attempt, max_retries, retry_delay_ms, error, error_status }
}
