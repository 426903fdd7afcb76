import type { Connection } from './client-connection.ts'
import type { RequestLine } from './request-line.ts'

/** A request line that has no reply yet. */
export interface Line {
  readonly relay: number
  readonly connection: Connection
  readonly bytes: number
  readonly eventId: string
  readonly request: Pick<RequestLine, 'text' | 'event' | 'correlationId' | 'subscription'>
  /** a generation was given it, and may have run it */
  relayed: boolean
  /** `performance.now()` when it began to wait for a generation */
  waitingSince: number
}

/** Lines and bytes that may wait for a generation, over all connections. */
const holdLimits = { lines: 10_000, bytes: 67_108_864 } as const

/** All lines without a reply, in order of arrival over all connections: first the relayed ones, then the held ones. */
export class Lines {
  readonly #lines = new Map<number, Line>()
  #bytes = 0
  #heldCount = 0
  #heldBytes = 0

  get count(): number {
    return this.#lines.size
  }

  get bytes(): number {
    return this.#bytes
  }

  get heldCount(): number {
    return this.#heldCount
  }

  get heldBytes(): number {
    return this.#heldBytes
  }

  /** Why a further line of `bytes` cannot be held, if so. */
  fullFor(bytes: number): string | undefined {
    if (this.#heldCount >= holdLimits.lines)
      return `${holdLimits.lines} requests are already waiting for the daemon to come back`
    if (this.#heldBytes + bytes > holdLimits.bytes)
      return `more than ${holdLimits.bytes} bytes of requests would be waiting for the daemon to come back`
    return undefined
  }

  /** Adds a line as held. */
  add(line: Line): void {
    this.#lines.set(line.relay, line)
    this.#bytes += line.bytes
    this.#heldCount++
    this.#heldBytes += line.bytes
  }

  get(relay: number): Line | undefined {
    return this.#lines.get(relay)
  }

  /** Marks a line as given to a generation. */
  relayed(line: Line): void {
    if (line.relayed) return
    line.relayed = true
    this.#heldCount--
    this.#heldBytes -= line.bytes
  }

  remove(line: Line): void {
    if (!this.#lines.delete(line.relay)) return
    this.#bytes -= line.bytes
    if (line.relayed) return
    this.#heldCount--
    this.#heldBytes -= line.bytes
  }

  [Symbol.iterator](): IterableIterator<Line> {
    return this.#lines.values()
  }
}
