import type { Duplex } from 'node:stream'
import type { Frame } from '../../contracts/relay.ts'
import { isSuccess } from '../../contracts/wire.ts'
import type { Log } from '../../lib/log.ts'
import type { ClientConnection } from './client-connection.ts'
import { Crowd } from './crowd.ts'
import { LateHealth, type HealthOptions } from './late-health.ts'
import { LargeLines } from './large-lines.ts'
import { Lines, mayBeTaken, notTaken } from './lines.ts'
import type { Line } from './lines.ts'
import { PoisonList, poisonReply } from './poison.ts'
import type { RelayLink } from './relay-link.ts'
import { RelayLinks } from './relay-links.ts'
import type { RequestLine } from './request-line.ts'
import type { DetachCause } from './retrial.ts'
import { Roster } from './roster.ts'
import { Sweeper } from './sweeper.ts'
import { Trials } from './trials.ts'

/** Brings request lines to the generation that is live and replies back, and keeps the lines while there is none. */
export class Relay {
  readonly lines = new Lines()
  readonly poison = new PoisonList()
  readonly #log: Log
  readonly #links: RelayLinks
  readonly #roster = new Roster()
  readonly #crowd = new Crowd()
  readonly #large = new LargeLines()
  readonly #health: LateHealth
  readonly #trials: Trials
  readonly #sweeper: Sweeper
  #link: RelayLink | undefined
  #holding = false
  #closed = false

  constructor(options: HealthOptions & { holdMs: number; log: Log }) {
    this.#log = options.log
    this.#health = new LateHealth(options, this.lines, (line) => this.#settle(line))
    this.#links = new RelayLinks({
      log: options.log,
      onFrame: (link, frame) => link === this.#link && this.#onFrame(frame),
      onClosed: (link) => link === this.#link && this.#unlink(false),
    })
    this.#sweeper = new Sweeper(options, {
      lines: this.lines,
      isAttached: () => this.#link !== undefined,
      fail: (line, why) => this.#fail(line, why),
      giveUp: (line) => this.#settle(line),
    })
    this.#trials = new Trials({
      lines: this.lines,
      roster: this.#roster,
      poison: this.poison,
      log: options.log,
      liveLink: () => (this.isLive ? this.#link : undefined),
      send: (link, line) => this.#send(link, line),
      sendRest: (link) => this.#sendAll(link),
      fail: (line, why) => this.#fail(line, why),
      settle: (line) => this.#settle(line),
    })
  }

  get isLive(): boolean {
    return this.#link !== undefined && !this.#holding
  }

  attach(stream: Duplex): void {
    if (this.#closed) return
    const link = this.#link?.stream === stream ? this.#link : this.#takeOver(stream)
    this.#holding = false
    if (this.#trials.isOn) this.#trials.goOn()
    else this.#sendAll(link)
  }

  hold(): void {
    this.#holding = true
    // What counts as relayed goes out before the generation is told to retire.
    this.#link?.flush()
  }

  detach(cause: DetachCause = 'death'): void {
    if (this.#link !== undefined) this.#unlink(cause === 'handover')
    else if (!this.#trials.isUndecided) return
    this.#trials.judge(cause)
    // Generations may come and go faster than it looks.
    this.#sweeper.sweep()
  }

  /** Answers whatever has no reply yet with an error, and relays nothing more. */
  close(): void {
    this.#closed = true
    this.#link = undefined
    this.#sweeper.stop()
    for (const line of this.lines) this.#fail(line, 'the daemon is shutting down')
  }

  add(connection: ClientConnection): void {
    this.#roster.add(connection, this.#link)
  }

  /** While lines are on trial each must be run, also those of a client that reads nothing just now. */
  slow(connection: ClientConnection, slow: boolean): void {
    if (!this.#trials.isOn) this.#link?.slow(connection.id, slow)
  }

  /** The client has hung up. What it has sent is run all the same, unless it ended a generation. */
  gone(connection: ClientConnection): void {
    // One that was refused at the door was never let in.
    if (this.#roster.get(connection.id) === undefined) return
    this.#crowd.gone(connection)
    if (this.isLive && !this.#trials.isOn) this.#roster.tellLeft(connection, this.#link)
    this.forgetIfDone(connection)
    this.#trials.abandoned(connection)
    if (connection.waiting > 0) this.#sweeper.soon()
  }

  forgetIfDone(connection: ClientConnection): void {
    this.#roster.forgetIfDone(connection, this.#link)
  }

  /** Takes a request line: on to the live generation, or held until there is one. */
  take(connection: ClientConnection, request: RequestLine, bytes: number): void {
    const refuse = (reply: string): void => connection.order.answer(reply, request.unordered)
    if (this.poison.refuses(request)) return refuse(poisonReply('The request', request))
    const link = this.isLive && !this.#trials.isOn ? this.#link : undefined
    const full = link === undefined ? this.lines.fullFor(bytes) : undefined
    if (full !== undefined) return refuse(this.#health.reply({ connection, request }) ?? notTaken(full, request))
    const line = this.lines.take(request, connection, bytes)
    this.#crowd.added(connection, this.lines.bytes)
    this.#health.watch(line)
    if (link === undefined) this.#sweeper.soon()
    else if (this.#large.mayGo(line)) this.#send(link, line)
  }

  #takeOver(stream: Duplex): RelayLink {
    this.detach(this.#link === undefined ? 'death' : 'handover')
    const link = (this.#link = this.#links.of(stream))
    link.begin()
    this.#roster.tellAll(link, (connection) => !this.#trials.isPending(connection))
    return link
  }

  /** Forgets the stream. What it was given and has not answered is given to the next one. */
  #unlink(handover: boolean): void {
    this.#link = undefined
    const given = [...this.lines].filter(({ state }) => state !== 'held')
    if (handover) this.#trials.handedOver()
    else this.#trials.ended(given)
    for (const line of given) this.lines.again(line, handover)
    for (const line of given) this.#health.watch(line)
    this.#sweeper.soon()
  }

  #sendAll(link: RelayLink): void {
    this.#large.clear()
    this.#roster.tellSlow(link)
    for (const line of this.lines) if (line.state === 'held' || line.state === 'again') this.#send(link, line)
    this.#roster.tellGone(link)
  }

  /** While nobody is live, or there is a trial, the next one waits as all others do. */
  #sendLarge(done: Line): void {
    const next = this.#large.next(done)
    if (next === undefined || this.#link === undefined || !this.isLive || this.#trials.isOn) return
    if (this.lines.get(next.relay) === next) this.#send(this.#link, next)
    else this.#sendLarge(next)
  }

  #send(link: RelayLink, line: Line): void {
    link.request(line)
    this.lines.sent(line)
  }

  #onFrame(frame: Frame | undefined): void {
    switch (frame?.kind) {
      case 'R':
        return this.#onReply(this.lines.get(frame.relay), frame.json)
      case 'T': {
        const line = this.lines.get(frame.relay)
        if (line === undefined) return
        this.lines.ran(line)
        this.#sendLarge(line)
        return this.#trials.passed(line)
      }
      case 'P':
      case 'D':
      case 'E':
        return this.#roster.get(frame.connection)?.push(frame)
      case 'U':
        return this.#onReached(frame.seq, this.#roster.get(frame.connection))
      default:
        this.#log.warn({ kind: frame?.kind }, 'unknown frame from the generation')
    }
  }

  #onReached(seq: number, connection?: ClientConnection): void {
    if (connection === undefined) return
    connection.subscription.reached(seq)
    connection.deaths = 0
    this.#trials.passed(connection)
  }

  #onReply(line: Line | undefined, json: string): void {
    if (line === undefined) return
    // Only what a generation has agreed to is asked of the next one.
    const { subscription } = line.request
    if (subscription !== undefined && isSuccess(json)) line.connection.subscription.data = subscription
    line.place.reply(json)
    this.#trials.passed(line)
    this.#settle(line)
  }

  /** Nothing more is owed for this line. */
  #settle(line: Line): void {
    this.lines.remove(line)
    if (line.state === 'running') line.connection.ran(-1, line.bytes)
    line.connection.settled(line.bytes)
    this.forgetIfDone(line.connection)
    this.#crowd.answered(this.lines.bytes)
    this.#sendLarge(line)
    this.#trials.abandoned(line)
  }

  #fail(line: Line, why: string): void {
    const { connection, request, state } = line
    if (connection.isGone)
      this.#log.warn(
        { connection: connection.id, event: request.event, state, why },
        'request of a client that hung up is given up',
      )
    line.place.reply(state === 'held' ? notTaken(why, request) : mayBeTaken(why, request))
    this.#settle(line)
  }
}
