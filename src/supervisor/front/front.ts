import type { Duplex } from 'node:stream'
import type { PoisonRecord } from '../../contracts/control.ts'
import { ClientConnections } from './connections.ts'
import type { ConnectionsOptions, FrontStats } from './connections.ts'
import { openListeners } from './listeners.ts'
import type { ListenersOptions } from './listeners.ts'
import { Relay } from './relay.ts'
import type { DetachCause } from './retrial.ts'

export type FrontOptions = ConnectionsOptions &
  Omit<ListenersOptions, 'onSocket'> & {
    /** how long, in ms, a line waits for a generation */
    holdMs: number
    /** how long, in ms, `system:health` waits for one */
    healthMs?: number
  }

/** The owner of all client connections; starts without a generation, holding every line until `attach`. */
export interface Front {
  readonly socketPath: string
  readonly tcpPort: number
  /**
   * Makes `stream` the live generation's: tells it all connections and subscriptions, sends again what has no reply,
   * then what was held, then goes on live. With the stream that is attached already it only ends a hold. After a death
   * subscriptions and lines go one at a time, until what the last generation was working on is answered.
   */
  attach(stream: Duplex): void
  /** Holds lines from now on; replies and pushes of the attached generation still flow. */
  hold(): void
  /**
   * Forgets the stream: whatever still comes from it is ignored, and lines are held until the next `attach`.
   * @param cause `death` by default: what it was working on is under suspicion, and what it alone had in hand is
   * counted
   */
  detach(cause?: DetachCause): void
  /** Tells every connection once that the daemon ends. */
  notifyShutdown(reason: string): void
  stats(): FrontStats
  /** What was put aside because it ended generations. */
  poison(): PoisonRecord[]
  /**
   * Answers what waits with an error, flushes (500 ms at most), ends all connections, removes the socket file.
   * Idempotent.
   */
  close(): Promise<void>
}

/**
 * Opens the Unix socket and the TCP port and takes connections.
 * @throws KsiError KSI_INSTANCE_RUNNING, KSI_PORT_IN_USE, KSI_SOCKET_PATH_TOO_LONG, KSI_CONFIG_INVALID
 */
export async function startFront(options: FrontOptions): Promise<Front> {
  const relay = new Relay(options)
  const connections = new ClientConnections(options, relay)
  const listeners = await openListeners({
    ...options,
    onSocket: (socket, transport) => connections.accept(socket, transport),
  })
  let closing: Promise<void> | undefined
  const close = async (): Promise<void> => {
    const unbound = listeners.close()
    relay.close()
    await connections.close()
    await unbound
  }
  return {
    socketPath: options.socketPath,
    tcpPort: listeners.tcpPort,
    attach: (stream) => relay.attach(stream),
    hold: () => relay.hold(),
    detach: (cause) => relay.detach(cause),
    notifyShutdown: (reason) => connections.notifyShutdown(reason),
    stats: () => connections.stats(),
    poison: () => relay.poison.records,
    close: () => (closing ??= close()),
  }
}
