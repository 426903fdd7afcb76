import type { Log } from '../../lib/log.ts'
import { messageOf } from '../../lib/errors.ts'
import type { Line } from './lines.ts'

/** Whose lines are swept, and what is done with those that waited too long. */
export interface Swept {
  lines: Iterable<Line>
  isAttached: () => boolean
  fail: (line: Line, why: string) => void
  /** Nobody is owed a reply to it. */
  giveUp: (line: Line) => void
}

/** Gives up lines that waited too long. One timer for all: it runs only while there are lines that can. */
export class Sweeper {
  readonly #holdMs: number
  readonly #log: Log
  readonly #swept: Swept
  #timer: NodeJS.Timeout | undefined
  #stopped = false

  constructor(options: { holdMs: number; log: Log }, swept: Swept) {
    this.#holdMs = options.holdMs
    this.#log = options.log
    this.#swept = swept
  }

  /** There may be something to sweep from now on. */
  soon(): void {
    if (this.#timer !== undefined || this.#stopped) return
    this.#timer = setInterval(() => this.#tick(), Math.min(1_000, Math.max(10, this.#holdMs / 10)))
  }

  stop(): void {
    this.#stopped = true
    clearInterval(this.#timer)
  }

  #tick(): void {
    try {
      if (this.sweep()) return
    } catch (error) {
      this.#log.error({ error: messageOf(error) }, 'lines that waited too long could not be given up')
      return
    }
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  /** Gives up what waited too long by now. @returns whether some may still do so */
  sweep(): boolean {
    const now = performance.now()
    const { lines, fail, giveUp, isAttached } = this.#swept
    let mayWait = false
    for (const line of lines) {
      const { connection, state, waitingSince } = line
      if (!isAttached() || state === 'held' || state === 'again') {
        mayWait = true
        if (now - waitingSince > this.#holdMs)
          fail(line, `the daemon is restarting and was not back within ${this.#holdMs} ms`)
      } else if (connection.isGone) {
        mayWait = true
        // The generation has it, and owes nobody a reply to it.
        if (now - connection.goneSince > this.#holdMs) giveUp(line)
      }
    }
    return mayWait
  }
}
