import { randomBytes } from 'node:crypto'
import type { Duplex } from 'node:stream'
import type { Frame } from '../../contracts/relay.ts'
import type { Log } from '../../lib/log.ts'
import { isObject, parseObject } from '../../lib/ndjson.ts'
import type { Connection } from './client-connection.ts'
import { Lines } from './lines.ts'
import type { Line } from './lines.ts'
import { RelayLink } from './relay-link.ts'
import type { RequestLine } from './request-line.ts'
import { mayBeTaken, notTaken } from './restarting.ts'

/**
 * All connections together may have this much unanswered; past it, whoever adds is not read from until half is
 * answered.
 */
const crowdedAt = 268_435_456

/** Brings request lines to the generation that is live and replies back, and keeps the lines while there is none. */
export class Relay {
  readonly lines = new Lines()
  /** open ones, and gone ones that still have a line to be run */
  readonly connections = new Map<number, Connection>()
  readonly #holdMs: number
  readonly #log: Log
  readonly #links = new WeakMap<Duplex, RelayLink>()
  readonly #crowded = new Set<Connection>()
  readonly #bootId = randomBytes(4).toString('hex')
  #link: RelayLink | undefined
  #holding = false
  #closed = false
  #lastRelay = 0
  #sweeper: NodeJS.Timeout | undefined

  constructor(options: { holdMs: number; log: Log }) {
    this.#holdMs = options.holdMs
    this.#log = options.log
  }

  get isLive(): boolean {
    return this.#link !== undefined && !this.#holding
  }

  attach(stream: Duplex): void {
    if (this.#closed) return
    const known = this.#link?.stream === stream ? this.#link : undefined
    const link = known ?? this.#takeOver(stream)
    this.#holding = false
    for (const line of this.lines) if (link !== known || !line.relayed) this.#send(link, line)
    // A client that wrote and hung up is gone only after its last line.
    for (const connection of this.connections.values()) if (connection.isGone) this.#tellLeft(connection)
  }

  hold(): void {
    this.#holding = true
    // What counts as relayed goes out before the generation is told to retire.
    this.#link?.flush()
  }

  detach(): void {
    if (this.#link === undefined) return
    this.#link = undefined
    const now = performance.now()
    for (const line of this.lines) if (line.relayed) line.waitingSince = now
    this.#sweepSoon()
  }

  /** Answers whatever has no reply yet with an error, and relays nothing more. */
  close(): void {
    this.#closed = true
    this.#link = undefined
    clearInterval(this.#sweeper)
    for (const line of this.lines) this.#fail(line, 'the daemon is shutting down')
  }

  add(connection: Connection): void {
    this.connections.set(connection.id, connection)
    this.#link?.connected(connection)
  }

  slow(connection: Connection, slow: boolean): void {
    this.#link?.slow(connection.id, slow)
  }

  /** The client has hung up. What it has sent is run all the same. */
  gone(connection: Connection): void {
    this.#crowded.delete(connection)
    if (this.isLive) this.#tellLeft(connection)
    this.forgetIfDone(connection)
    if (connection.waiting > 0) this.#sweepSoon()
  }

  forgetIfDone(connection: Connection): void {
    if (!connection.isGone || connection.waiting > 0) return
    this.#tellLeft(connection)
    this.connections.delete(connection.id)
  }

  /** Takes a request line: on to the live generation, or held until there is one. */
  take(connection: Connection, request: RequestLine, bytes: number): void {
    const link = this.isLive ? this.#link : undefined
    const full = link === undefined ? this.lines.fullFor(bytes) : undefined
    if (full !== undefined) return connection.send(notTaken(full, request))
    const relay = ++this.#lastRelay
    const { text, event, correlationId, subscription } = request
    const eventId = request.eventId ?? `evt_${this.#bootId}${relay.toString(36)}`
    const kept = { text, event, correlationId, subscription }
    const line: Line = {
      relay,
      connection,
      bytes,
      eventId,
      request: kept,
      relayed: false,
      waitingSince: performance.now(),
    }
    this.lines.add(line)
    connection.took(bytes)
    if (this.lines.bytes > crowdedAt) {
      this.#crowded.add(connection)
      connection.crowd(true)
    }
    if (link === undefined) this.#sweepSoon()
    else this.#send(link, line)
  }

  #takeOver(stream: Duplex): RelayLink {
    this.detach()
    const link = this.#linkOf(stream)
    this.#link = link
    for (const connection of this.connections.values()) {
      connection.leftTold = false
      link.connected(connection)
    }
    return link
  }

  #linkOf(stream: Duplex): RelayLink {
    const known = this.#links.get(stream)
    if (known !== undefined) return known
    const onFrame = (link: RelayLink, frame: Frame | undefined): void => {
      if (link === this.#link) this.#onFrame(frame)
    }
    const onClosed = (link: RelayLink): void => {
      if (link === this.#link) this.detach()
    }
    const link = new RelayLink(stream, { log: this.#log, onFrame, onClosed })
    this.#links.set(stream, link)
    return link
  }

  #send(link: RelayLink, line: Line): void {
    link.request(line)
    this.lines.relayed(line)
  }

  #onFrame(frame: Frame | undefined): void {
    switch (frame?.kind) {
      case 'R':
        return this.#onReply(frame.relay, frame.json)
      case 'P': {
        const connection = this.connections.get(frame.connection)
        if (connection === undefined) return
        connection.cursor = frame.seq
        return connection.send(frame.json)
      }
      case 'U': {
        const connection = this.connections.get(frame.connection)
        if (connection === undefined) return
        connection.cursor = frame.seq
        if (frame.seq < 0) connection.subscription = undefined
        return
      }
      default:
        this.#log.warn({ kind: frame?.kind }, 'unknown frame from the generation')
    }
  }

  #onReply(relay: number, json: string): void {
    const line = this.lines.get(relay)
    if (line === undefined) return
    // Only what a generation has agreed to is asked of the next one.
    if (line.request.subscription !== undefined && isSuccess(json))
      line.connection.subscription = line.request.subscription
    line.connection.send(json)
    this.#settle(line)
  }

  #settle(line: Line): void {
    this.lines.remove(line)
    line.connection.settled(line.bytes)
    this.forgetIfDone(line.connection)
    if (this.#crowded.size === 0 || this.lines.bytes > crowdedAt / 2) return
    for (const connection of this.#crowded) connection.crowd(false)
    this.#crowded.clear()
  }

  #tellLeft(connection: Connection): void {
    if (connection.leftTold) return
    connection.leftTold = true
    this.#link?.left(connection.id)
  }

  /** One timer for all lines: it runs only while there are lines that can wait too long. */
  #sweepSoon(): void {
    if (this.#sweeper !== undefined || this.#closed) return
    const everyMs = Math.min(1_000, Math.max(10, this.#holdMs / 10))
    this.#sweeper = setInterval(() => this.#sweep(), everyMs)
  }

  #sweep(): void {
    const now = performance.now()
    let mayWait = false
    for (const line of this.lines) {
      const { connection } = line
      if (this.#link === undefined || !line.relayed) {
        mayWait = true
        if (now - line.waitingSince > this.#holdMs)
          this.#fail(line, `the daemon is restarting and was not back within ${this.#holdMs} ms`)
      } else if (connection.isGone) {
        mayWait = true
        // The generation has it, and owes nobody a reply to it.
        if (now - connection.goneSince > this.#holdMs) this.#settle(line)
      }
    }
    if (mayWait) return
    clearInterval(this.#sweeper)
    this.#sweeper = undefined
  }

  #fail(line: Line, why: string): void {
    const { connection, request, relayed } = line
    if (connection.isGone)
      this.#log.warn(
        { connection: connection.id, event: request.event, relayed, why },
        'request of a client that hung up is given up',
      )
    connection.send(relayed ? mayBeTaken(why, request) : notTaken(why, request))
    this.#settle(line)
  }
}

/** Whether a reply has neither kind of error (ksi-wire §1.4). */
function isSuccess(json: string): boolean {
  const reply = parseObject(json)
  if (reply === undefined || 'error' in reply) return false
  return !(isObject(reply['data']) && 'error' in reply['data'])
}
