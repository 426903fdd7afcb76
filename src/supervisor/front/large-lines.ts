import type { Line } from './lines.ts'

/** Lines of more bytes go to the generation one at a time, whosever they are: behind them all others have to wait. */
const large = 524_288

/** Large lines that wait until the one before is done with. */
export class LargeLines {
  #current: Line | undefined
  #waiting: Line[] = []

  /** Whether a line may be sent now; if not `next` gives it when it may. */
  mayGo(line: Line): boolean {
    if (line.bytes <= large) return true
    if (this.#current === undefined) {
      this.#current = line
      return true
    }
    this.#waiting.push(line)
    return false
  }

  /** A line was answered, run or given up. @returns the one that may go now */
  next(done: Line): Line | undefined {
    if (done !== this.#current) return undefined
    do this.#current = this.#waiting.shift()
    while (this.#current !== undefined && this.#current.state !== 'held')
    return this.#current
  }

  /** All that wait are sent by other means. */
  clear(): void {
    this.#current = undefined
    this.#waiting = []
  }
}
