import type { ClientConnection } from './client-connection.ts'
import type { Line } from './lines.ts'

/** What may have ended a generation: a line without a reply, or the subscription of a connection. */
export type Suspect = { line: Line; connection: ClientConnection } | { line: undefined; connection: ClientConnection }

/** A line that ended so many generations by itself is poison. */
const deadly = 2

/**
 * After a generation has died, what it was working on goes to the next one at a time, so that what ends that one too is
 * known. Only what a generation had alone is ever counted against it; all else merely stood beside it.
 */
export class Retrial {
  #waiting: Suspect[] = []
  #current: Suspect | undefined
  /** the only thing the generation that has ended was given, until it is known why that ended */
  #alone: Suspect | undefined
  /** the generation may still be busy with what was given up */
  #blurred = false

  /** While true nothing may be relayed but what `next` gives. */
  get isOn(): boolean {
    return this.#current !== undefined || this.#waiting.length > 0
  }

  get isIdle(): boolean {
    return this.#current === undefined
  }

  /** Whose subscriptions are still to be tried. */
  subscribers(): Set<ClientConnection> {
    return new Set(this.#waiting.filter(({ line }) => line === undefined).map(({ connection }) => connection))
  }

  /**
   * A generation has ended, with these lines without a reply and these subscriptions.
   * @param lines all that it was given, or that wait for their trial
   */
  ended(lines: Line[], subscribed: ClientConnection[]): void {
    const inHand = this.isOn ? this.#current : onlyOne(lines)
    this.#alone = this.#blurred ? undefined : inHand
    this.#blurred = false
    this.#waiting = [
      ...subscribed.map((connection) => ({ line: undefined, connection })),
      ...lines.map((line) => ({ line, connection: line.connection })),
    ]
    this.#current = undefined
  }

  /**
   * Says what the end was.
   * @returns the suspect that is now known to be poison
   */
  judge(counts: boolean): Suspect | undefined {
    const suspect = this.#alone
    this.#alone = undefined
    if (suspect === undefined || !counts) return undefined
    const deaths = suspect.line === undefined ? ++suspect.connection.deaths : ++suspect.line.deaths
    if (deaths < deadly) return undefined
    this.#waiting = this.#waiting.filter(({ line, connection }) =>
      suspect.line === undefined ? line !== undefined || connection !== suspect.connection : line !== suspect.line,
    )
    return suspect
  }

  /** The generation let go in peace: nobody is suspected for that. What still waited for its trial goes on waiting. */
  handedOver(): void {
    this.#alone = undefined
    this.#blurred = false
    if (this.#current !== undefined) this.#waiting.unshift(this.#current)
    this.#current = undefined
  }

  /** What the generation has in hand did it no harm. */
  passed(): void {
    if (this.#current?.line === undefined && this.#current !== undefined) this.#current.connection.deaths = 0
    this.#current = undefined
  }

  /**
   * Nobody waits any more for what the generation has in hand, and what it does there is not known: until that
   * generation ends, nothing can be told from its end.
   */
  abandoned(): void {
    this.#current = undefined
    this.#blurred = true
  }

  /** The next one to be tried. */
  next(isThere: (suspect: Suspect) => boolean): Suspect | undefined {
    while (this.#current === undefined && this.#waiting.length > 0) {
      const suspect = this.#waiting.shift()
      if (suspect !== undefined && isThere(suspect)) this.#current = suspect
    }
    return this.#current
  }

  /** Whether it is this line, or this connection's subscription, that the generation has in hand. */
  isTrying(what: Line | ClientConnection): boolean {
    const current = this.#current
    return current !== undefined && (current.line ?? current.connection) === what
  }
}

/** Lines that were run and wait for something else did not end a generation just now. */
function onlyOne(lines: Line[]): Suspect | undefined {
  const sent = lines.filter((line) => line.state === 'sent')
  const [line] = sent
  return line === undefined || sent.length > 1 ? undefined : { line, connection: line.connection }
}
