import type { ConnectionInfo } from '../../contracts/relay.ts'
import type { Log } from '../../lib/log.ts'

/** What a connection is made with. */
export interface ConnectionOptions<Connection> {
  id: number
  transport: ConnectionInfo['transport']
  owner: ConnectionOwner<Connection>
  log: Log
}

/** Whose a connection is: what it is told, and what it has to go by. */
export interface ConnectionOwner<Connection> {
  /** A client that leaves more than this unread gets no pushes and no replies, and is not read from, until it has taken
   * it. */
  readonly slowAt: number
  /** Lines a client may have under way now. */
  readonly linesAtOnce: number
  /** Whether lines that have just come are looked at now; if not they wait for their turn. */
  mayRead(): boolean
  /** Its lines wait to be looked at: `read` is called when it is its turn. */
  onUnread(connection: Connection): void
  /** It has lines under way (true), or none (false). */
  onBusy(connection: Connection, busy: boolean): void
  onLine(connection: Connection, line: Buffer): void
  onTooLong(connection: Connection): void
  /** So many more (or fewer) bytes of a line without an end are kept for it. */
  onUnfinished(connection: Connection, bytes: number): void
  /** It can take no more now (true), or can again (false). */
  onSlow(connection: Connection, slow: boolean): void
  onGone(connection: Connection): void
}
