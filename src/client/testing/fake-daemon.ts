import { rmSync } from 'node:fs'
import { createServer } from 'node:net'
import type { Server, Socket } from 'node:net'
import { matchesGlob } from 'node:path'
import { LineDecoder, parseObject } from '../../lib/ndjson.ts'
import type { EventInput, EventName, EventReply, PushData, PushName } from '../../contracts/events.ts'
import type { WireRequest } from '../../contracts/wire.ts'

/** An error as a handler's reply carries it. */
interface ErrorData {
  status: 'error'
  error: string
  code?: string
  similar?: string[]
}

interface Envelope {
  $envelope: { error: string; code: string }
}

/** Answers an event: an object is the reply's data, `undefined` means no reply; it may write to the socket itself. */
type Answer<Data, Reply> = (data: Data, request: WireRequest, socket: Socket) => Reply | Promise<Reply>
type Said<N extends EventName> = EventReply<N> | ErrorData | Envelope | undefined
type AnyAnswer = Answer<Record<string, unknown>, unknown>

/** Answers by event: those of ksi say what the contract says, those called `test:…` anything. */
export type Answers = { [N in EventName]?: Answer<EventInput<N>, Said<N>> } & { [name: `test:${string}`]: AnyAnswer }

interface Subscriber {
  patterns: string[]
}

/**
 * A daemon for tests: NDJSON on a Unix socket or TCP, a journal of events that is replayed by `since`, connections that
 * can be cut, and a note of each line it got. Replies come in the order of requests on a connection, as the daemon's
 * do.
 */
export class FakeDaemon {
  readonly answers: Answers
  readonly received: WireRequest[] = []
  readonly sockets = new Set<Socket>()
  seq = 0
  readonly #listenOn: { path: string } | { port: number; host: string }
  readonly #subscribers = new Map<Socket, Subscriber>()
  #events: { seq: number; event: string; line: string }[] = []
  #server: Server | undefined
  #watchers: (() => void)[] = []

  constructor(listenOn: { path: string } | { port: number; host: string }, answers: Answers = {}) {
    this.#listenOn = listenOn
    this.answers = answers
  }

  get port(): number {
    const address = this.#server?.address()
    return typeof address === 'object' && address !== null ? address.port : 0
  }

  async start(): Promise<this> {
    const server = createServer((socket) => this.#serve(socket))
    this.#server = server
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(this.#listenOn, resolve)
    })
    return this
  }

  /** Stops listening and cuts every connection. */
  async stop(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    const closed =
      server === undefined ? Promise.resolve() : new Promise<void>((resolve) => server.close(() => resolve()))
    this.cut()
    await closed
    if ('path' in this.#listenOn) rmSync(this.#listenOn.path, { force: true })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  /** Cuts every connection, as a daemon that dies does. */
  cut(): void {
    for (const socket of this.sockets) socket.destroy()
  }

  /** A new, empty journal. */
  forget(): void {
    this.#events = []
    this.seq = 0
  }

  /** Writes an event into the journal and pushes it to subscribers. */
  emit<N extends PushName>(event: N, data: PushData<N>): void {
    this.emitAny(event, data)
  }

  /** The same for an event of any name. */
  emitAny(event: string, data: Record<string, unknown> = {}): void {
    const seq = ++this.seq
    const line = JSON.stringify({ event, event_name: event, seq, timestamp: Date.now() / 1000, data })
    this.#events.push({ seq, event, line })
    for (const [socket, subscriber] of this.#subscribers) if (fits(event, subscriber)) socket.write(`${line}\n`)
  }

  receivedOf(event: string): WireRequest[] {
    return this.received.filter((request) => request.event === event)
  }

  /** Resolves when `n` lines with this event have come. */
  async until(event: string, n = 1): Promise<void> {
    while (this.receivedOf(event).length < n) await new Promise<void>((resolve) => this.#watchers.push(resolve))
  }

  #serve(socket: Socket): void {
    this.sockets.add(socket)
    let last: Promise<void> = Promise.resolve()
    const decoder = new LineDecoder(64 * 1024 * 1024, (line) => {
      const request = parseObject(line) as WireRequest | undefined
      if (request === undefined) return
      this.received.push(request)
      for (const watcher of this.#watchers.splice(0)) watcher()
      const answer = this.#answer(request, socket)
      const earlier = last
      last = (async () => {
        const data = await answer
        await earlier
        if (data !== undefined && !socket.destroyed) socket.write(`${JSON.stringify(envelope(request, data))}\n`)
      })()
    })
    socket.on('data', (chunk: Buffer) => decoder.push(chunk))
    socket.on('error', () => {})
    socket.on('close', () => {
      this.sockets.delete(socket)
      this.#subscribers.delete(socket)
    })
  }

  async #answer(request: WireRequest, socket: Socket): Promise<unknown> {
    const data = request.data ?? {}
    const own = this.#answers()[request.event]
    if (own !== undefined) return own(data, request, socket)
    if (request.event === 'monitor:subscribe') return this.#subscribe(data, socket)
    return { status: 'error', error: `Unknown event: ${request.event}`, code: 'KSI_NOT_FOUND' }
  }

  /** By any name: who asks has checked nothing. */
  #answers(): Record<string, AnyAnswer | undefined> {
    return this.answers as Record<string, AnyAnswer | undefined>
  }

  #subscribe(data: Record<string, unknown>, socket: Socket): EventReply<'monitor:subscribe'> {
    const subscriber = { patterns: data['event_patterns'] as string[] }
    this.#subscribers.set(socket, subscriber)
    const since = data['since']
    if (typeof since === 'number')
      for (const { seq, event, line } of this.#events)
        if (seq > since && fits(event, subscriber)) socket.write(`${line}\n`)
    return {
      status: 'subscribed',
      client_id: 'c',
      patterns: subscriber.patterns,
      since: typeof since === 'number' ? since : this.seq,
      last_seq: this.seq,
    }
  }
}

/** A reply made by `envelopeError` is one without data. */
export function envelopeError(error: string, code: string): Envelope {
  return { $envelope: { error, code } }
}

function envelope(request: WireRequest, data: unknown): Record<string, unknown> {
  const head = { event: request.event, correlation_id: request.correlation_id ?? null, timestamp: Date.now() / 1000 }
  if (typeof data === 'object' && data !== null && '$envelope' in data)
    return { ...head, ...(data.$envelope as object) }
  return { ...head, data, count: 1 }
}

function fits(event: string, subscriber: Subscriber): boolean {
  return subscriber.patterns.some((pattern) => matchesGlob(event, pattern))
}
