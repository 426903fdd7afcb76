import { errorReply } from '../../contracts/wire.ts'
import type { ClientConnection } from './client-connection.ts'

/** Before it has shown the token a TCP connection may have lines of this many bytes, and this many ms. */
const strangerLimits = { bytes: 4_096, ms: 5_000, count: 128 } as const
/** Beyond the limit, local connections may wait this many ms to say what they want. */
const guestLimits = { bytes: 4_096, ms: 250, count: 32 } as const
/** What is served also beyond the limit of connections: what keeps, looks after and ends a daemon. */
const always = new Set(['system:health', 'supervisor:status', 'system:shutdown', 'dev:checkpoint'])
/** Of the connections there may be, so many are kept for the Unix socket: an eighth, and at most this many. */
const mostReserved = 64

/** Connections that are not let in yet: on TCP until they show the token, and local ones beyond the limit. */
export class Doorstep {
  readonly #maxConnections: number
  /** oldest first */
  readonly #strangers = new Map<ClientConnection, NodeJS.Timeout>()
  readonly #guests = new Map<ClientConnection, NodeJS.Timeout>()

  constructor(options: { maxConnections: number }) {
    this.#maxConnections = options.maxConnections
  }

  /** Waits for the token. Too many of them cost the oldest its place, and nobody else. */
  stranger(connection: ClientConnection): void {
    connection.maxLineBytes = strangerLimits.bytes
    const seconds = strangerLimits.ms / 1_000
    const reply = errorReply(`Unauthorized: no line with "_token" within ${seconds} s`, 'KSI_UNAUTHORIZED')
    this.#strangers.set(
      connection,
      setTimeout(() => connection.refuse(reply), strangerLimits.ms),
    )
    const oldest = this.#strangers.keys().next().value
    if (this.#strangers.size <= strangerLimits.count || oldest === undefined) return
    this.gone(oldest)
    oldest.drop()
  }

  /**
   * Whether one more may be let in beside `admitted` others. If not it is refused; a local one only after it had the
   * time to ask for what is always served.
   */
  hasRoom(connection: ClientConnection, admitted: number): boolean {
    const isLocal = connection.info.transport === 'unix'
    const reserved = isLocal ? 0 : Math.min(mostReserved, Math.floor(this.#maxConnections / 8))
    if (admitted < this.#maxConnections - reserved) return true
    if (isLocal && this.#guests.size < guestLimits.count) {
      connection.maxLineBytes = guestLimits.bytes
      const timer = setTimeout(() => connection.refuse(this.#tooMany()), guestLimits.ms)
      this.#guests.set(connection, timer)
    } else connection.refuse(this.#tooMany())
    return false
  }

  /** A connection has said something that can be served. @returns what it was until now */
  leave(connection: ClientConnection, event: string): 'inside' | 'stranger' | 'guest' | 'refused' {
    const place = this.#guests.has(connection) ? 'guest' : this.#strangers.has(connection) ? 'stranger' : 'inside'
    this.gone(connection)
    if (place !== 'guest' || always.has(event)) return place
    connection.refuse(this.#tooMany())
    return 'refused'
  }

  /** @returns why a line that is too long ends this connection, if it does */
  tooLong(connection: ClientConnection): string | undefined {
    if (this.#guests.has(connection)) return this.#tooMany()
    if (!this.#strangers.has(connection)) return undefined
    return errorReply(
      `The first line, with the token, may have ${strangerLimits.bytes} bytes. ` +
        'Say system:health with it, and then what you want.',
      'KSI_LINE_TOO_LONG',
    )
  }

  gone(connection: ClientConnection): void {
    clearTimeout(this.#strangers.get(connection) ?? this.#guests.get(connection))
    this.#strangers.delete(connection)
    this.#guests.delete(connection)
  }

  #tooMany(): string {
    return errorReply(
      `Too many connections: the limit is ${this.#maxConnections}. Close some, or set KSI_MAX_CONNECTIONS.`,
      'KSI_QUEUE_FULL',
    )
  }
}
