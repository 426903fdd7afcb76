import type { Duplex } from 'node:stream'
import type { FrontOptions, FrontStats } from './front-options.ts'
import { openListeners } from './listeners.ts'
import { Reception } from './connections.ts'
import { Relay } from './relay.ts'

/** The owner of all client connections; starts without a generation, holding every line until `attach`. */
export interface Front {
  readonly socketPath: string
  readonly tcpPort: number
  /**
   * Makes `stream` the live generation's: tells it all connections and subscriptions, sends again what has no reply,
   * then
   * what was held, then goes on live. With the stream that is attached already it only ends a hold.
   */
  attach(stream: Duplex): void
  /** Holds lines from now on; replies and pushes of the attached generation still flow. */
  hold(): void
  /** Forgets the stream: whatever still comes from it is ignored, and lines are held until the next `attach`. */
  detach(): void
  /** Tells every connection once that the daemon ends. */
  notifyShutdown(reason: string): void
  stats(): FrontStats
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
  const reception = new Reception(options, relay)
  const listeners = await openListeners({
    ...options,
    onSocket: (socket, transport) => reception.accept(socket, transport),
  })
  let closing: Promise<void> | undefined
  const close = async (): Promise<void> => {
    const unbound = listeners.close()
    relay.close()
    await reception.close()
    await unbound
  }
  return {
    socketPath: options.socketPath,
    tcpPort: listeners.tcpPort,
    attach: (stream) => relay.attach(stream),
    hold: () => relay.hold(),
    detach: () => relay.detach(),
    notifyShutdown: (reason) => reception.notifyShutdown(reason),
    stats: () => reception.stats(),
    close: () => (closing ??= close()),
  }
}
