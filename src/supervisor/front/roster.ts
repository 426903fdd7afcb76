import type { ClientConnection } from './client-connection.ts'
import type { RelayLink } from './relay-link.ts'

/** The connections a generation is told of: open ones, and gone ones that still have a line to be run. */
export class Roster {
  readonly #connections = new Map<number, ClientConnection>()

  get(id: number): ClientConnection | undefined {
    return this.#connections.get(id)
  }

  /** Takes a new one in, and tells the generation of it. */
  add(connection: ClientConnection, link: RelayLink | undefined): void {
    this.#connections.set(connection.id, connection)
    link?.connected(connection)
  }

  /** Whose subscriptions a generation keeps. */
  subscribers(): ClientConnection[] {
    return [...this.#connections.values()].filter((connection) => connection.subscription.stands)
  }

  /** Tells a new generation of all, and of those subscriptions that it may be told of now. */
  tellAll(link: RelayLink, mayAsk: (connection: ClientConnection) => boolean): void {
    for (const connection of this.#connections.values()) {
      connection.leftTold = false
      link.connected(connection)
      if (!connection.isGone && connection.subscription.stands && mayAsk(connection)) link.subscribed(connection)
    }
  }

  /** Tells who reads nothing just now. */
  tellSlow(link: RelayLink): void {
    for (const { id, isGone, isSlow } of this.#connections.values()) if (isSlow && !isGone) link.slow(id, true)
  }

  /** Tells who has hung up: after their last lines. */
  tellGone(link: RelayLink): void {
    for (const connection of this.#connections.values()) if (connection.isGone) this.tellLeft(connection, link)
  }

  tellLeft(connection: ClientConnection, link: RelayLink | undefined): void {
    if (connection.leftTold) return
    connection.leftTold = true
    link?.left(connection.id)
  }

  /** One that has hung up and is owed nothing is forgotten. */
  forgetIfDone(connection: ClientConnection, link: RelayLink | undefined): void {
    if (!connection.isGone || connection.waiting > 0) return
    this.tellLeft(connection, link)
    this.#connections.delete(connection.id)
  }
}
