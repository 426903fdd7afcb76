import { createConnection } from 'node:net'
import type { Socket } from 'node:net'
import { LineDecoder } from './ndjson.ts'

export interface LineLinkOptions {
  /** the path of the other side's Unix socket */
  path: string
  onLine: (line: string) => void
  /** The other side is reached, for the first time or again. */
  onOpen: () => void
  onClosed?: () => void
}

const reconnectMs = 25
const maxLineBytes = 16_777_216

/** A connection to a Unix socket that speaks JSON lines; it is made again whenever it breaks. */
export class LineLink {
  readonly #o: LineLinkOptions
  #socket: Socket | undefined
  #timer: NodeJS.Timeout | undefined
  #closed = false

  constructor(options: LineLinkOptions) {
    this.#o = options
    this.#connect()
  }

  /** Sends, if the other side can be reached just now: what must arrive is said again in `onOpen`. */
  send(line: object): void {
    if (this.#socket?.readyState === 'open') this.#socket.write(`${JSON.stringify(line)}\n`)
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
    this.#socket?.destroy()
  }

  #connect(): void {
    const socket = createConnection(this.#o.path)
    this.#socket = socket
    const decoder = new LineDecoder(maxLineBytes, (line) => {
      if (!this.#closed) this.#o.onLine(line)
    })
    socket.on('connect', () => this.#o.onOpen())
    socket.on('data', (chunk: Buffer) => decoder.push(chunk))
    // What a broken connection means is said by 'close'.
    socket.on('error', () => {})
    socket.on('close', () => {
      if (this.#closed) return
      this.#o.onClosed?.()
      this.#timer = setTimeout(() => this.#connect(), reconnectMs)
    })
  }
}
