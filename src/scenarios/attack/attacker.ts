import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'

/** What is done to ksi: once, in a few seconds. */
export type Attack = (attacker: Attacker) => Promise<void>

/** Over which way: the Unix socket, TCP without the token, TCP with it. */
type Where = 'unix' | 'tcp' | 'known'

/** A client that means harm, or is broken: it writes what it likes, and mostly does not look at what comes back. */
export class Attacker {
  /** Numbers in [0, 1). */
  readonly random: () => number
  readonly #socket: string
  readonly #port: number
  readonly #token: string
  readonly #open: Socket[] = []

  constructor(options: { random: () => number; socket: string; port: number; token: string }) {
    this.random = options.random
    this.#socket = options.socket
    this.#port = options.port
    this.#token = options.token
  }

  /** A whole number below `limit`. */
  below(limit: number): number {
    return Math.floor(this.random() * limit)
  }

  pick<T>(items: readonly [T, ...T[]]): T {
    return items[this.below(items.length)] ?? items[0]
  }

  /** A connection, `known` over TCP and with the token; undefined when there is none to be had. */
  async connect(where: Where = 'unix'): Promise<Socket | undefined> {
    const socket = where === 'unix' ? connect(this.#socket) : connect(this.#port, '127.0.0.1')
    this.#open.push(socket)
    socket.on('error', () => {})
    try {
      await once(socket, 'connect', { signal: AbortSignal.timeout(2_000) })
      if (where === 'known') socket.write(`{"event":"system:health","_token":${JSON.stringify(this.#token)}}\n`)
      return socket
    } catch {
      return undefined
    }
  }

  /** Writes and waits until it is taken, for at most `limitMs`. */
  async write(socket: Socket | undefined, data: string | Buffer, limitMs = 2_000): Promise<void> {
    if (socket === undefined || socket.destroyed || socket.write(data)) return
    const gone = new AbortController()
    const drained = once(socket, 'drain', { signal: gone.signal }).catch(() => {})
    await Promise.race([drained, once(socket, 'close', { signal: gone.signal }).catch(() => {}), delay(limitMs)])
    gone.abort()
  }

  /** Sends one line on a connection of its own and reads for a while. */
  async line(text: string, where: Where = 'unix'): Promise<void> {
    const socket = await this.connect(where)
    socket?.resume()
    await this.write(socket, `${text}\n`)
    await delay(20)
  }

  /** Hangs up on everything. */
  end(): void {
    for (const socket of this.#open.splice(0)) socket.destroy()
  }
}
