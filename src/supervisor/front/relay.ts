import { randomBytes } from 'node:crypto'
import type { Duplex } from 'node:stream'
import type { Frame } from '../../contracts/relay.ts'
import type { Log } from '../../lib/log.ts'
import { isObject, parseObject } from '../../lib/ndjson.ts'
import type { ClientConnection } from './client-connection.ts'
import { Crowd } from './crowd.ts'
import { Lines, mayBeTaken, notTaken } from './lines.ts'
import type { Line } from './lines.ts'
import { PoisonList, poisonReply } from './poison.ts'
import { RelayLink } from './relay-link.ts'
import type { RequestLine } from './request-line.ts'
import { Retrial } from './retrial.ts'
import type { Suspect } from './retrial.ts'
import { Sweeper } from './sweeper.ts'

/**
 * Why a generation is no longer attached: it let go · it died, or was killed because it hung · the same, but its code
 * was so new that the code is to blame, and none of what it was given.
 */
export type DetachCause = 'handover' | 'death' | 'probation'

/** Brings request lines to the generation that is live and replies back, and keeps the lines while there is none. */
export class Relay {
  readonly lines = new Lines()
  readonly poison = new PoisonList()
  /** open ones, and gone ones that still have a line to be run */
  readonly connections = new Map<number, ClientConnection>()
  readonly #log: Log
  readonly #links = new WeakMap<Duplex, RelayLink>()
  readonly #crowd = new Crowd()
  readonly #bootId = randomBytes(4).toString('hex')
  readonly #retrial = new Retrial()
  readonly #sweeper: Sweeper
  #link: RelayLink | undefined
  #holding = false
  #closed = false
  /** a stream broke, and nobody has said yet why */
  #undecided = false
  #lastRelay = 0

  constructor(options: { holdMs: number; log: Log }) {
    this.#log = options.log
    this.#sweeper = new Sweeper(options, {
      lines: this.lines,
      isAttached: () => this.#link !== undefined,
      fail: (line, why) => this.#fail(line, why),
      giveUp: (line) => this.#settle(line),
    })
  }

  get isLive(): boolean {
    return this.#link !== undefined && !this.#holding
  }

  attach(stream: Duplex): void {
    if (this.#closed) return
    const known = this.#link?.stream === stream ? this.#link : undefined
    const link = known ?? this.#takeOver(stream)
    this.#holding = false
    if (this.#retrial.isOn) {
      if (this.#retrial.isIdle) this.#tryNext(link)
    } else this.#sendAll(link)
  }

  hold(): void {
    this.#holding = true
    // What counts as relayed goes out before the generation is told to retire.
    this.#link?.flush()
  }

  detach(cause: DetachCause = 'death'): void {
    if (this.#link !== undefined) this.#unlink(cause === 'handover')
    else if (!this.#undecided) return
    this.#judge(cause)
  }

  /** Answers whatever has no reply yet with an error, and relays nothing more. */
  close(): void {
    this.#closed = true
    this.#link = undefined
    this.#sweeper.stop()
    for (const line of this.lines) this.#fail(line, 'the daemon is shutting down')
  }

  add(connection: ClientConnection): void {
    this.connections.set(connection.id, connection)
    this.#link?.connected(connection)
  }

  /** While lines are tried one at a time each must be run, also those of a client that reads nothing just now. */
  slow(connection: ClientConnection, slow: boolean): void {
    if (!this.#retrial.isOn) this.#link?.slow(connection.id, slow)
  }

  /** The client has hung up. What it has sent is run all the same, unless it ended a generation. */
  gone(connection: ClientConnection): void {
    this.#crowd.gone(connection)
    if (this.isLive && !this.#retrial.isOn) this.#tellLeft(connection)
    this.forgetIfDone(connection)
    this.#tried(connection, false)
    if (connection.waiting > 0) this.#sweeper.soon()
  }

  forgetIfDone(connection: ClientConnection): void {
    if (!connection.isGone || connection.waiting > 0) return
    this.#tellLeft(connection)
    this.connections.delete(connection.id)
  }

  /** Takes a request line: on to the live generation, or held until there is one. */
  take(connection: ClientConnection, request: RequestLine, bytes: number): void {
    const { text, event, correlation, subscription } = request
    if (this.poison.refuses(event, request.data)) return connection.send(poisonReply('The request', request))
    const link = this.isLive && !this.#retrial.isOn ? this.#link : undefined
    const full = link === undefined ? this.lines.fullFor(bytes) : undefined
    if (full !== undefined) return connection.send(notTaken(full, request))
    const relay = ++this.#lastRelay
    const line: Line = {
      relay,
      connection,
      bytes,
      eventId: request.eventId ?? `evt_${this.#bootId}${relay.toString(36)}`,
      request: { text, event, correlation, subscription },
      state: 'held',
      waitingSince: performance.now(),
      deaths: 0,
      outlived: 0,
    }
    this.lines.add(line)
    connection.took(bytes)
    this.#crowd.added(connection, this.lines.bytes)
    if (link === undefined) this.#sweeper.soon()
    else this.#send(link, line)
  }

  #takeOver(stream: Duplex): RelayLink {
    this.detach(this.#link === undefined ? 'death' : 'handover')
    const link = this.#linkOf(stream)
    this.#link = link
    const onTrial = this.#retrial.subscribers()
    for (const connection of this.connections.values()) {
      connection.leftTold = false
      link.connected(connection)
      if (!connection.isGone && connection.isSubscribed && !onTrial.has(connection)) link.subscribed(connection)
    }
    return link
  }

  #linkOf(stream: Duplex): RelayLink {
    const known = this.#links.get(stream)
    if (known !== undefined) return known
    const onFrame = (link: RelayLink, frame: Frame): void => {
      if (link === this.#link) this.#onFrame(frame)
    }
    const onClosed = (link: RelayLink): void => {
      if (link === this.#link) this.#unlink(false)
    }
    const link = new RelayLink(stream, { log: this.#log, onFrame, onClosed })
    this.#links.set(stream, link)
    return link
  }

  /** Forgets the stream. What it was given and has not answered is given to the next one. */
  #unlink(handover: boolean): void {
    this.#link = undefined
    this.#undecided = !handover
    const given = [...this.lines].filter(({ state }) => state !== 'held')
    const subscribed = [...this.connections.values()].filter((connection) => connection.isSubscribed)
    if (handover) this.#retrial.handedOver()
    else this.#retrial.ended(given, subscribed)
    for (const line of given) this.lines.again(line, handover)
    if (handover) this.poison.codeChanged()
    this.#sweeper.soon()
  }

  #judge(cause: DetachCause): void {
    this.#undecided = false
    const suspect = this.#retrial.judge(cause === 'death')
    if (suspect === undefined) return
    const { line, connection } = suspect
    const what = line?.request ?? { event: 'monitor:subscribe', correlation: undefined, text: connection.subscribeLine }
    this.#log.error({ connection: connection.id, ...this.poison.add(what.event, what.text) }, 'put aside as poison')
    connection.send(poisonReply(line === undefined ? 'The subscription' : 'The request', what))
    if (line === undefined) connection.unsubscribed()
    else this.#settle(line)
  }

  #sendAll(link: RelayLink): void {
    for (const { id, isGone, isSlow } of this.connections.values()) if (isSlow && !isGone) link.slow(id, true)
    for (const line of this.lines) if (line.state === 'held' || line.state === 'again') this.#send(link, line)
    // A client that wrote and hung up is gone only after its last line.
    for (const connection of this.connections.values()) if (connection.isGone) this.#tellLeft(connection)
  }

  #tryNext(link: RelayLink): void {
    const suspect = this.#retrial.next((one) => this.#isThere(one))
    if (suspect !== undefined) {
      if (suspect.line === undefined) link.subscribed(suspect.connection)
      else this.#send(link, suspect.line)
      return
    }
    this.#sendAll(link)
  }

  /** Whether there is still somebody who wants to know. A line that ended a generation goes with its client. */
  #isThere({ line, connection }: Suspect): boolean {
    if (line === undefined) return !connection.isGone && connection.isSubscribed
    if (this.lines.get(line.relay) !== line) return false
    if (line.deaths === 0 || !connection.isGone) return true
    this.#fail(line, 'it ended a generation of the daemon, and its client has gone')
    return false
  }

  #send(link: RelayLink, line: Line): void {
    link.request(line)
    this.lines.sent(line)
  }

  #onFrame({ kind, fields, json }: Frame): void {
    if (kind === 'R' || kind === 'T') {
      const line = this.lines.get(Number(fields[1]))
      if (line === undefined) return
      if (kind === 'R') return this.#onReply(line, json)
      this.lines.ran(line)
      return this.#tried(line, true)
    }
    const connection = this.connections.get(Number(fields[0]))
    if (connection === undefined) return
    if (kind === 'P') connection.push(Number(fields[1]), json)
    else if (kind === 'U') {
      connection.reached(Number(fields[1]))
      this.#tried(connection, true)
    } else this.#log.warn({ kind }, 'unknown frame from the generation')
  }

  /** If this was what the generation had in hand, the next one may be tried. */
  #tried(what: Line | ClientConnection, passed: boolean): void {
    if (!this.#retrial.isTrying(what)) return
    if (passed) this.#retrial.passed()
    else this.#retrial.abandoned()
    if (this.isLive && this.#link !== undefined) this.#tryNext(this.#link)
  }

  #onReply(line: Line, json: string): void {
    // Only what a generation has agreed to is asked of the next one.
    if (line.request.subscription !== undefined && isSuccess(json))
      line.connection.subscribed(line.request.subscription)
    line.connection.send(json)
    this.#settle(line, true)
  }

  /** Nothing more is owed for this line. @param passed whether it is known to have done no harm */
  #settle(line: Line, passed = false): void {
    this.lines.remove(line)
    if (line.state === 'running') line.connection.ran(-1)
    line.connection.settled(line.bytes)
    this.forgetIfDone(line.connection)
    this.#crowd.answered(this.lines.bytes)
    this.#tried(line, passed)
  }

  #tellLeft(connection: ClientConnection): void {
    if (connection.leftTold) return
    connection.leftTold = true
    this.#link?.left(connection.id)
  }

  #fail(line: Line, why: string): void {
    const { connection, request, state } = line
    if (connection.isGone)
      this.#log.warn(
        { connection: connection.id, event: request.event, state, why },
        'request of a client that hung up is given up',
      )
    connection.send(state === 'held' ? notTaken(why, request) : mayBeTaken(why, request))
    this.#settle(line)
  }
}

/** Whether a reply has neither kind of error (ksi-wire §1.4). */
function isSuccess(json: string): boolean {
  const reply = parseObject(json)
  if (reply === undefined || 'error' in reply) return false
  return !(isObject(reply['data']) && 'error' in reply['data'])
}
