import type { ServerResponse } from 'node:http'
import type { FastifyReply } from 'fastify'
import { KsiError } from '../lib/errors.ts'

const maxStreams = 100

/** The open streams of server-sent events: so many and no more, and none keeps the server from closing. */
export class Streams {
  readonly #open = new Set<ServerResponse>()
  readonly #headers: Record<string, string>
  readonly #pingMs: number

  /** @param options.pingMs pause between pings; a client that takes nothing from one to the next is cut off */
  constructor(options: { headers: Record<string, string>; pingMs: number }) {
    this.#headers = options.headers
    this.#pingMs = options.pingMs
  }

  /** @throws KsiError KSI_QUEUE_FULL when there are too many */
  open(reply: FastifyReply): EventStream {
    this.checkRoom(reply)
    reply.hijack()
    const { raw } = reply
    raw.writeHead(200, {
      ...this.#headers,
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    })
    raw.write('retry: 2000\n\n')
    this.#open.add(raw)
    raw.on('close', () => this.#open.delete(raw))
    raw.on('error', () => raw.destroy())
    return new EventStream(raw, this.#pingMs)
  }

  /** @throws KsiError KSI_QUEUE_FULL when there are too many */
  checkRoom(reply: FastifyReply): void {
    if (this.#open.size < maxStreams) return
    reply.header('retry-after', '10')
    throw new KsiError(
      'KSI_QUEUE_FULL',
      `${maxStreams} streams are open already: close a page, or ask /status now and then.`,
    )
  }

  end(): void {
    for (const raw of this.#open) raw.end()
  }
}

/** An event as it goes out; a text of several lines is several lines of data. */
export function eventText(event: string, data: string, id?: string | number): string {
  const head = id === undefined ? '' : `id: ${id}\n`
  return `${head}event: ${event}\ndata: ${data.replaceAll(/\r\n|\r|\n/g, '\ndata: ')}\n\n`
}

/**
 * Writes events to one client, never ahead of what it takes: while its buffer is full nothing is asked for, so that a
 * slow client costs no memory. One that takes nothing from ping to ping is cut off.
 */
export class EventStream {
  readonly closed: AbortSignal
  readonly #raw: ServerResponse
  #next: () => string | undefined = () => undefined
  #stuck = false

  constructor(raw: ServerResponse, pingMs: number) {
    const closing = new AbortController()
    this.#raw = raw
    this.closed = closing.signal
    raw.on('drain', () => {
      this.#stuck = false
      this.poke()
    })
    const ping = setInterval(() => {
      if (!raw.writableNeedDrain) raw.write(': ping\n\n')
      else if (this.#stuck) raw.destroy()
      else this.#stuck = true
    }, pingMs)
    raw.on('close', () => {
      clearInterval(ping)
      closing.abort()
    })
  }

  /** From now on `next` is asked for what is to be written, until it gives nothing; and again at each `poke`. */
  from(next: () => string | undefined): void {
    this.#next = next
    this.poke()
  }

  /** There may be something to write. */
  poke(): void {
    while (!this.#raw.writableNeedDrain && !this.closed.aborted) {
      const text = this.#next()
      if (text === undefined) return
      this.#raw.write(text)
    }
  }

  /** Writes one, and resolves when more is welcome. */
  async write(text: string): Promise<void> {
    if (this.closed.aborted || this.#raw.write(text)) return
    await new Promise<void>((resolve) => {
      this.#raw.once('drain', resolve)
      this.#raw.once('close', resolve)
    })
  }

  end(): void {
    this.#raw.end()
  }
}
