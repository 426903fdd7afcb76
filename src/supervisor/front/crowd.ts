import type { ClientConnection } from './client-connection.ts'

/**
 * All connections together may have this much unanswered, in bytes; past it, whoever adds is not read from until half
 * is answered.
 */
const crowdedAt = 67_108_864

/** Those who are not read from because all together have too much unanswered. */
export class Crowd {
  readonly #waiting = new Set<ClientConnection>()

  /** A connection has added to what is unanswered, now `bytes` in all. */
  added(connection: ClientConnection, bytes: number): void {
    if (bytes <= crowdedAt) return
    this.#waiting.add(connection)
    connection.crowd(true)
  }

  /** Something was answered; `bytes` are left. */
  answered(bytes: number): void {
    if (this.#waiting.size === 0 || bytes > crowdedAt / 2) return
    for (const connection of this.#waiting) connection.crowd(false)
    this.#waiting.clear()
  }

  gone(connection: ClientConnection): void {
    this.#waiting.delete(connection)
  }
}
