import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'

/** A call as it came in. */
export interface FakeCall {
  path: string
  headers: IncomingMessage['headers']
  body: Record<string, unknown>
}

/** What is done with a call. */
export type Behaviour = (response: ServerResponse, call: FakeCall) => void | Promise<void>

/** A provider's far end, on this machine. */
export class FakeApi implements AsyncDisposable {
  readonly calls: FakeCall[] = []
  behave: Behaviour
  readonly #server: Server

  private constructor(behave: Behaviour) {
    this.behave = behave
    this.#server = createServer((request, response) => {
      void this.#answer(request, response)
    })
  }

  /** @param host 0.0.0.0 for containers on this machine */
  static async start(behave: Behaviour, host = '127.0.0.1'): Promise<FakeApi> {
    const api = new FakeApi(behave)
    api.#server.listen(0, host)
    await once(api.#server, 'listening')
    return api
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  get port(): number {
    const address = this.#server.address()
    if (address === null || typeof address === 'string') throw new Error('the fake does not listen')
    return address.port
  }

  /** The newest call. */
  get last(): FakeCall {
    const call = this.calls.at(-1)
    if (call === undefined) throw new Error('nobody has called')
    return call
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(request)
    // Claude's program looks first whether anybody is there.
    if (body === '') {
      response.end()
      return
    }
    const call = { path: request.url ?? '', headers: request.headers, body: JSON.parse(body) as FakeCall['body'] }
    this.calls.push(call)
    await this.behave(response, call)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }
}

/** An answer in one JSON body. */
export function json(status: number, body: unknown, headers: Record<string, string> = {}): Behaviour {
  return (response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers })
    response.end(typeof body === 'string' ? body : JSON.stringify(body))
  }
}

interface StreamOptions {
  /** the connection breaks after so many events */
  cutAfter?: number
  /** the answer ends, as if all were well, after so many events */
  endAfter?: number
  /** ms between two events */
  everyMs?: number
}

/** An answer as a stream of events, given as the text of each. */
export function stream(events: readonly string[], options: StreamOptions = {}): Behaviour {
  const { cutAfter, endAfter = Infinity, everyMs } = options
  return async (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    for (const [index, event] of events.entries()) {
      if (index === cutAfter) response.destroy()
      if (index >= endAfter || response.destroyed) break
      response.write(event)
      await delay(everyMs ?? 0)
    }
    response.end()
  }
}

/** The pieces a text comes in. */
function piecesOf(answer: string): string[] {
  return answer.length > 100_000 ? (answer.match(/.{1,65536}/gs) ?? []) : (answer.match(/.{1,4}/gs) ?? [])
}

const data = (value: unknown): string => `data: ${JSON.stringify(value)}\n\n`

/** The events of a chat completion. */
export function openAiEvents(answer: string): string[] {
  const event = (choice: object, more: object = {}): string =>
    data({
      id: 'c1',
      object: 'chat.completion.chunk',
      model: 'm',
      system_fingerprint: 'fp',
      choices: [choice],
      ...more,
    })
  const usage = { prompt_tokens: 11, completion_tokens: 7, prompt_tokens_details: { cached_tokens: 3 }, cost: 0.5 }
  return [
    event({ index: 0, delta: { role: 'assistant', content: '' }, finish_reason: null }),
    ': still here\n\n',
    ...piecesOf(answer).map((content) => event({ index: 0, delta: { content }, finish_reason: null })),
    event({ index: 0, delta: {}, finish_reason: 'stop' }),
    data({ id: 'c1', object: 'chat.completion.chunk', model: 'm', choices: [], usage }),
    'data: [DONE]\n\n',
  ]
}

/** The events of a message. */
export function anthropicEvents(answer: string): string[] {
  const event = (type: string, more: object = {}): string => `event: ${type}\n${data({ type, ...more })}`
  const usage = { input_tokens: 8, cache_read_input_tokens: 3, cache_creation_input_tokens: 0, output_tokens: 1 }
  return [
    event('message_start', {
      message: { id: 'm1', type: 'message', role: 'assistant', model: 'm', content: [], stop_reason: null, usage },
    }),
    event('content_block_start', { index: 0, content_block: { type: 'text', text: '' } }),
    event('ping'),
    ...piecesOf(answer).map((text) => event('content_block_delta', { index: 0, delta: { type: 'text_delta', text } })),
    event('content_block_stop', { index: 0 }),
    event('message_delta', { delta: { stop_reason: 'end_turn', stop_sequence: null }, usage: { output_tokens: 7 } }),
    event('message_stop'),
  ]
}
