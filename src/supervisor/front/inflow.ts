/**
 * A client with more than this unanswered is not read from until half of it is answered. While a generation is live one
 * large line at a time is enough: behind it everybody else would have to wait.
 */
const pauseAt = { lines: 1_000, bytes: 16_777_216, bytesUnderWay: 524_288 } as const

/** Characters of replies that may wait for one that was asked for before. */
const maxHeldBack = 1_048_576

/** What a client is owed, and whether it may send more. */
export class Inflow {
  /** lines without a reply */
  waiting = 0
  /** of these, lines that were run and wait for something else: they keep nobody from anything */
  running = 0
  bytes = 0
  runningBytes = 0
  /** it does not take what it is sent */
  slow = false
  /** all connections together have too much unanswered */
  crowded = false
  #full = false
  readonly #order: { readonly held: number }

  /** @param order its replies: how many characters of them wait for an earlier one */
  constructor(order: { readonly held: number }) {
    this.#order = order
  }

  get isBusy(): boolean {
    return this.waiting > this.running
  }

  /** @param atOnce lines it may have under way now, with so many other clients at work */
  isFull(atOnce: number): boolean {
    const underWay = this.waiting - this.running
    const held = this.slow || this.crowded || this.#order.held > maxHeldBack
    const bytes = this.bytes - this.runningBytes
    const most = atOnce === Infinity ? pauseAt.bytes : pauseAt.bytesUnderWay
    if (held || underWay >= atOnce || this.waiting > pauseAt.lines || bytes > most || this.bytes > pauseAt.bytes)
      this.#full = true
    else if (underWay <= atOnce / 2 && this.waiting < pauseAt.lines / 2 && bytes < most / 2) this.#full = false
    return this.#full
  }
}
