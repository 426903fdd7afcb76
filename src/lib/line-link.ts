import { createConnection } from 'node:net'
import type { Socket } from 'node:net'
import { LineDecoder } from './ndjson.ts'

interface LineLinkOptions {
  /** the path of the other side's Unix socket */
  path: string
  /** A connection that was begun ahead of time: used first, if it still holds. */
  early?: Socket | undefined
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
    const { early } = options
    this.#use(early === undefined || early.destroyed ? createConnection(options.path) : early)
  }

  /** Whether the other side can be reached just now. */
  get isOpen(): boolean {
    return this.#socket?.readyState === 'open'
  }

  /** Sends, if the other side can be reached just now: what must arrive is said again in `onOpen`. */
  send(line: object): void {
    if (this.isOpen) this.#socket?.write(`${JSON.stringify(line)}\n`)
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
    this.#socket?.destroy()
  }

  #use(socket: Socket): void {
    this.#socket = socket
    const decoder = new LineDecoder(maxLineBytes, (line) => {
      if (!this.#closed) this.#o.onLine(line)
    })
    // After the constructor, whose caller wants to send by what it gives.
    if (socket.readyState === 'open') process.nextTick(() => this.#o.onOpen())
    else socket.on('connect', () => this.#o.onOpen())
    socket.on('data', (chunk: Buffer) => decoder.push(chunk))
    // What a broken connection means is said by 'close'.
    socket.on('error', () => {})
    socket.on('close', () => {
      if (this.#closed) return
      this.#o.onClosed?.()
      this.#timer = setTimeout(() => this.#use(createConnection(this.#o.path)), reconnectMs)
    })
  }
}
