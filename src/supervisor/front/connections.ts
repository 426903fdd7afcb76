import type { Socket } from 'node:net'
import { eventSpec } from '../../contracts/events.ts'
import type { PushData, PushName } from '../../contracts/events.ts'
import type { ConnectionInfo } from '../../contracts/relay.ts'
import { dataReply, errorReply } from '../../contracts/wire.ts'
import { messageOf, systemCodeOf } from '../../lib/errors.ts'
import type { Log } from '../../lib/log.ts'
import type { AnswerContext } from './answer-context.ts'
import { ClientConnection } from './client-connection.ts'
import type { ConnectionOwner } from './connection-owner.ts'
import { Doorstep } from './doorstep.ts'
import { ReadingTurns } from './reading-turns.ts'
import type { Relay } from './relay.ts'
import { judgeLine } from './request-line.ts'
import type { RequestLine } from './request-line.ts'
import { checkRights, mayAsk, readingEvents } from './rights.ts'
import type { Tokens } from './rights.ts'

/** Lines without an end may have this much over all connections, or twice the longest line; past it, whoever has most
 * of it is refused. */
const leastUnfinishedBytes = 67_108_864
/** So much may lie unread over all connections before each may leave less: never more than the last, less than the
 * first. */
const unread = { least: 16_384, all: 16_777_216, most: 1_048_576 } as const
/** Lines that may be under way to the live generation, over all connections; and at least so many of each. What is more
 * is not read: behind it everybody else would have to wait. */
const underWay = { all: 1_024, least: 8 } as const
/** Connections that are ended may take this long to flush. */
const closeMs = 500

/** The tokens are asked for on TCP, on the first line of a connection; they may change at any time. */
export interface ConnectionsOptions extends Tokens {
  maxLineBytes: number
  maxConnections: number
  /** over all, also those that are only told why they are not let in: beyond it the system has no room for the rest */
  maxSockets?: number
  log: Log
  /**
   * Answers `front: true` events, and `system:health` while no generation is live. What it throws becomes a data error.
   */
  answer: (event: string, data: Record<string, unknown>, context: AnswerContext) => unknown
}

export interface FrontStats {
  connections: number
  heldLines: number
  heldBytes: number
  unanswered: number
}

/** Takes connections in, judges their lines, answers what the supervisor answers, and gives the rest to the relay. */
export class ClientConnections implements ConnectionOwner<ClientConnection> {
  readonly #options: ConnectionsOptions
  readonly #relay: Relay
  readonly #doorstep: Doorstep
  /** also those that are being refused */
  readonly #sockets = new Set<ClientConnection>()
  /** those that count against the limit */
  readonly #admitted = new Set<ClientConnection>()
  readonly #turns = new ReadingTurns()
  #busy = 0
  #lastConnection = 0
  #notified = false
  #closed = false
  #unfinishedBytes = 0
  /** of each that has any */
  readonly #unfinished = new Map<ClientConnection, number>()

  constructor(options: ConnectionsOptions, relay: Relay) {
    this.#options = options
    this.#relay = relay
    this.#doorstep = new Doorstep(options)
  }

  get slowAt(): number {
    return Math.max(unread.least, Math.min(unread.most, Math.floor(unread.all / Math.max(1, this.#sockets.size))))
  }

  get linesAtOnce(): number {
    if (!this.#relay.isLive) return Infinity
    return Math.max(underWay.least, Math.floor(underWay.all / Math.max(1, this.#busy)))
  }

  accept(socket: Socket, transport: ConnectionInfo['transport']): void {
    const { token, log, maxSockets = Infinity } = this.#options
    if (this.#sockets.size >= maxSockets) return void socket.destroy()
    const connection = new ClientConnection(socket, { id: ++this.#lastConnection, transport, owner: this, log })
    this.#sockets.add(connection)
    if (this.#closed) return connection.refuse(errorReply('The daemon is shutting down', 'KSI_RESTARTING'))
    if (transport === 'tcp' && token !== undefined) this.#doorstep.stranger(connection)
    else this.#admit(connection)
  }

  notifyShutdown(reason: string): void {
    if (this.#notified) return
    this.#notified = true
    const event = 'system:shutdown_notification' satisfies PushName
    const timestamp = Date.now() / 1000
    const data: PushData<typeof event> = { reason, timestamp }
    const line = JSON.stringify({ event, event_name: event, data, timestamp })
    for (const connection of this.#sockets) connection.send(line)
  }

  stats(): FrontStats {
    const { heldCount, heldBytes, count } = this.#relay.lines
    return { connections: this.#admitted.size, heldLines: heldCount, heldBytes, unanswered: count }
  }

  /** Ends all connections, each after what it is still owed. */
  async close(): Promise<void> {
    this.#closed = true
    await Promise.all(Array.from(this.#sockets, (connection) => connection.close(closeMs)))
  }

  onLine(connection: ClientConnection, line: Buffer): void {
    const strict = isFirstOnTcp(connection)
    const verdict = judgeLine(line, { strict, tokens: this.#options })
    if (verdict.kind !== 'refuse' && strict) connection.rights = verdict.rights
    if (verdict.kind !== 'request')
      return verdict.kind === 'refuse' ? connection.refuse(verdict.reply) : connection.order.answer(verdict.reply)
    const place = this.#doorstep.leave(connection, verdict.request.event)
    if (place === 'refused') return
    if (place === 'stranger' && !this.#admit(connection)) return
    if (place === 'guest') this.#relay.add(connection)
    this.#serve(connection, verdict.request, line.length)
    if (place === 'guest') connection.lastLine()
  }

  onTooLong(connection: ClientConnection): void {
    const refused = this.#doorstep.tooLong(connection)
    if (refused !== undefined) return connection.refuse(refused)
    const limit = this.#options.maxLineBytes
    const reply = errorReply(
      `The line is over the limit of ${limit} bytes and was not taken. Send less, or set KSI_MAX_LINE_BYTES.`,
      'KSI_LINE_TOO_LONG',
    )
    if (isFirstOnTcp(connection)) connection.refuse(reply)
    else connection.order.answer(reply)
  }

  onUnfinished(connection: ClientConnection, bytes: number): void {
    const own = (this.#unfinished.get(connection) ?? 0) + bytes
    if (own > 0) this.#unfinished.set(connection, own)
    else this.#unfinished.delete(connection)
    this.#unfinishedBytes += bytes
    const limit = Math.max(leastUnfinishedBytes, 2 * this.#options.maxLineBytes)
    if (bytes <= 0 || this.#unfinishedBytes <= limit) return
    const [most] = [...this.#unfinished].reduce((one, other) => (other[1] > one[1] ? other : one))
    most.refuse(
      errorReply(
        `All connections together have over ${limit} bytes of lines without an end, ` +
          'and this one has most of them. Send whole lines.',
        'KSI_LINE_TOO_LONG',
      ),
    )
  }

  mayRead(): boolean {
    return this.#turns.mayRead()
  }

  onUnread(connection: ClientConnection): void {
    this.#turns.add(connection)
  }

  onBusy(_connection: ClientConnection, busy: boolean): void {
    this.#busy += busy ? 1 : -1
  }

  onSlow(connection: ClientConnection, slow: boolean): void {
    this.#relay.slow(connection, slow)
  }

  onGone(connection: ClientConnection): void {
    this.#sockets.delete(connection)
    this.#doorstep.gone(connection)
    this.#admitted.delete(connection)
    this.#relay.gone(connection)
  }

  /** Lets a connection in, if there is room. @returns whether it may go on at once */
  #admit(connection: ClientConnection): boolean {
    if (!this.#doorstep.hasRoom(connection, this.#admitted.size)) return false
    this.#admitted.add(connection)
    connection.maxLineBytes = this.#options.maxLineBytes
    this.#relay.add(connection)
    return true
  }

  #serve(connection: ClientConnection, request: RequestLine, bytes: number): void {
    // What changes something is run although nobody hears of it; what is only asked is not.
    if (connection.hasHungUp && readingEvents.has(request.event)) return
    const isOurs = !mayAsk(connection.rights, request.event) || eventSpec(request.event)?.front === true
    if (isOurs) void this.#answer(connection, request)
    else this.#relay.take(connection, request, bytes)
  }

  async #answer(connection: ClientConnection, request: RequestLine): Promise<void> {
    const { event, data } = request
    connection.took(0)
    const place = connection.order.next(request.unordered)
    try {
      checkRights(connection.rights, event)
      const context = { connection: connection.id, transport: connection.info.transport }
      const result = await this.#options.answer(event, data, context)
      place.reply(dataReply(result === undefined ? [] : [result], request))
    } catch (error) {
      const code = systemCodeOf(error)
      const problem = { status: 'error', error: messageOf(error), ...(code === undefined ? {} : { code }) }
      place.reply(dataReply([problem], request))
    }
    connection.settled(0)
    this.#relay.forgetIfDone(connection)
  }
}

/** Whether what comes now is the first thing a TCP connection says; true at most once. */
function isFirstOnTcp(connection: ClientConnection): boolean {
  const first = !connection.hasSpoken
  connection.hasSpoken = true
  return first && connection.info.transport === 'tcp'
}
