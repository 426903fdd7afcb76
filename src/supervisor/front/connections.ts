import type { Socket } from 'node:net'
import { eventSpec } from '../../contracts/events.ts'
import type { PushData, PushName } from '../../contracts/events.ts'
import type { ConnectionInfo } from '../../contracts/relay.ts'
import { dataReply, errorReply } from '../../contracts/wire.ts'
import { messageOf, systemCodeOf } from '../../lib/errors.ts'
import { Connection } from './client-connection.ts'
import type { ConnectionOwner } from './client-connection.ts'
import type { FrontOptions, FrontStats } from './front-options.ts'
import type { Relay } from './relay.ts'
import { judgeLine } from './request-line.ts'
import { checkRights, mayAsk } from './rights.ts'
import type { RequestLine } from './request-line.ts'

/** Lines without an end may have this much, over all connections; past it, whoever adds to it is refused. */
const maxUnfinishedBytes = 268_435_456
/** Connections that are ended may take this long to flush. */
const closeMs = 500

/** Takes connections in, judges their lines, answers what the supervisor answers, and gives the rest to the relay. */
export class Reception implements ConnectionOwner {
  readonly #options: FrontOptions
  readonly #relay: Relay
  /** also those that are being refused */
  readonly #sockets = new Set<Connection>()
  #open = 0
  #lastConnection = 0
  #notified = false
  #closed = false
  #unfinishedBytes = 0

  constructor(options: FrontOptions, relay: Relay) {
    this.#options = options
    this.#relay = relay
  }

  accept(socket: Socket, transport: ConnectionInfo['transport']): void {
    const { maxLineBytes, maxConnections, log } = this.#options
    const connection = new Connection(socket, { id: ++this.#lastConnection, transport, maxLineBytes, owner: this, log })
    this.#sockets.add(connection)
    if (this.#closed) return connection.refuse(errorReply('The daemon is shutting down', 'KSI_RESTARTING'))
    if (this.#open >= maxConnections) {
      return connection.refuse(
        errorReply(
          `Too many connections: the limit is ${maxConnections}. Close some, or set KSI_MAX_CONNECTIONS.`,
          'KSI_QUEUE_FULL',
        ),
      )
    }
    this.#open++
    this.#relay.add(connection)
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
    return { connections: this.#open, heldLines: heldCount, heldBytes, unanswered: count }
  }

  /** Ends all connections, each after what it is still owed. */
  async close(): Promise<void> {
    this.#closed = true
    await Promise.all(Array.from(this.#sockets, (connection) => connection.close(closeMs)))
  }

  onLine(connection: Connection, text: string, bytes: number): void {
    const strict = isFirstOnTcp(connection)
    const verdict = judgeLine(text, { strict, tokens: this.#options })
    if (verdict.kind !== 'refuse' && strict) connection.rights = verdict.rights
    if (verdict.kind !== 'request')
      return verdict.kind === 'refuse' ? connection.refuse(verdict.reply) : connection.send(verdict.reply)
    const { request } = verdict
    const isOurs =
      !mayAsk(connection.rights, request.event) ||
      eventSpec(request.event)?.front === true ||
      (request.event === 'system:health' && !this.#relay.isLive)
    if (isOurs) void this.#answer(connection, request)
    else this.#relay.take(connection, request, bytes)
  }

  onTooLong(connection: Connection): void {
    const limit = this.#options.maxLineBytes
    const reply = errorReply(
      `The line is over the limit of ${limit} bytes and was not taken. Send less, or set KSI_MAX_LINE_BYTES.`,
      'KSI_LINE_TOO_LONG',
    )
    if (isFirstOnTcp(connection)) connection.refuse(reply)
    else connection.send(reply)
  }

  onUnfinished(connection: Connection, bytes: number): void {
    this.#unfinishedBytes += bytes
    if (bytes <= 0 || this.#unfinishedBytes <= maxUnfinishedBytes) return
    connection.refuse(
      errorReply(
        `All connections together have over ${maxUnfinishedBytes} bytes of lines without an end. Send whole lines.`,
        'KSI_LINE_TOO_LONG',
      ),
    )
  }

  onSlow(connection: Connection, slow: boolean): void {
    this.#relay.slow(connection, slow)
  }

  onGone(connection: Connection): void {
    this.#sockets.delete(connection)
    // One that was refused at the door was never let in.
    if (!this.#relay.connections.has(connection.id)) return
    this.#open--
    this.#relay.gone(connection)
  }

  async #answer(connection: Connection, request: RequestLine): Promise<void> {
    const { event, data, correlationId } = request
    const about = { event, correlation_id: correlationId }
    connection.took(0)
    try {
      checkRights(connection.rights, event)
      const result = await this.#options.answer(event, data, {
        connection: connection.id,
        transport: connection.info.transport,
      })
      connection.send(dataReply(result === undefined ? [] : [result], about))
    } catch (error) {
      const code = systemCodeOf(error)
      connection.send(
        dataReply([{ status: 'error', error: messageOf(error), ...(code === undefined ? {} : { code }) }], about),
      )
    }
    connection.settled(0)
    this.#relay.forgetIfDone(connection)
  }
}

/** Whether what comes now is the first thing a TCP connection says; true at most once. */
function isFirstOnTcp(connection: Connection): boolean {
  const first = !connection.hasSpoken
  connection.hasSpoken = true
  return first && connection.info.transport === 'tcp'
}
