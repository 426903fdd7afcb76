import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { once } from 'node:events'
import type { HistoryEvent } from '../history/event.ts'
import { LineDecoder } from '../lib/ndjson.ts'

type Data = Record<string, unknown>

/** A client that does nothing for its user: no reconnect, no repeat. Whatever ksi does to its connection shows. */
export class PlainClient {
  readonly pushes: HistoryEvent[] = []
  readonly #socket: Socket
  readonly #waiting = new Map<
    number,
    { event: string; resolve: (reply: Data) => void; reject: (error: Error) => void }
  >()
  readonly #watchers = new Set<() => void>()
  #id = 0
  #token: string | undefined
  /** true once the other side has ended the connection */
  cut = false
  #broken: unknown
  /** replies that nobody waits for: doubled ones */
  stray = 0
  /** Where pushes go: into `pushes`, unless a test that gets too many of them says otherwise. */
  onPush: (push: HistoryEvent) => void = (push) => this.pushes.push(push)

  /** @param token what the first line then carries */
  constructor(socket: Socket, token?: string) {
    this.#socket = socket
    this.#token = token
    const decoder = new LineDecoder(64 * 1024 * 1024, (line) => this.#onLine(JSON.parse(line) as Data))
    socket.on('data', (chunk: Buffer) => decoder.push(chunk))
    socket.on('error', () => {})
    socket.on('close', () => {
      this.cut = true
      for (const { event, reject } of this.#waiting.values())
        reject(new Error(`the connection was cut while ${event} waited for its reply`))
      this.#waiting.clear()
      this.#wake()
    })
  }

  /** The whole reply to an event. */
  reply(event: string, data: Data = {}, extra: Data = {}): Promise<Data> {
    const id = ++this.#id
    return new Promise((resolve, reject) => {
      if (this.cut) return reject(new Error('the connection was cut'))
      this.#waiting.set(id, { resolve, reject, event })
      const first = this.#token === undefined ? {} : { _token: this.#token }
      this.#token = undefined
      this.#socket.write(
        `${JSON.stringify({ event, data, correlation_id: id, _unordered: true, ...first, ...extra })}\n`,
      )
    })
  }

  /** The data of the reply. */
  async request(event: string, data: Data = {}): Promise<Data> {
    const reply = await this.reply(event, data)
    if ('error' in reply) throw new Error(String(reply['error']))
    return reply['data'] as Data
  }

  /** Sends raw text. */
  write(text: string): void {
    this.#socket.write(text)
  }

  /** Resolves when `test` says true of what has come in so far. */
  async until(test: (client: this) => boolean, limitMs = 30_000): Promise<void> {
    const limit = AbortSignal.timeout(limitMs)
    while (!test(this)) {
      if (this.#broken !== undefined) throw this.#broken
      if (limit.aborted)
        throw new Error(`did not come to pass within ${limitMs} ms; ${this.pushes.length} pushes so far`)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 500)
        this.#watchers.add(() => {
          clearTimeout(timer)
          resolve()
        })
      })
    }
  }

  close(): void {
    this.#socket.destroy()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  #onLine(message: Data): void {
    const waiting = this.#waiting.get(message['correlation_id'] as number)
    if (waiting !== undefined) {
      this.#waiting.delete(message['correlation_id'] as number)
      this.#look(message, waiting.event)
      if (this.#broken === undefined) waiting.resolve(message)
      else waiting.reject(this.#broken as Error)
    } else if (typeof message['event_name'] === 'string') {
      this.#look(message)
      this.onPush(message as unknown as HistoryEvent)
    } else this.stray += 1
    this.#wake()
  }

  /** Looks at what came; what it throws fails whatever waits. @param _event that of the request, for a reply */
  protected inspect(_message: Data, _event?: string): void {}

  #look(message: Data, event?: string): void {
    try {
      this.inspect(message, event)
    } catch (error) {
      this.#broken ??= error
    }
  }

  #wake(): void {
    for (const wake of this.#watchers) wake()
    this.#watchers.clear()
  }
}

/** Connects to a Unix socket's path or a TCP port of this machine. */
export async function dial(to: string | number): Promise<Socket> {
  const socket = typeof to === 'string' ? connect(to) : connect(to, '127.0.0.1')
  await once(socket, 'connect')
  return socket
}
