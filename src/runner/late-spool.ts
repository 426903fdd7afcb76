import type { SpoolEntry } from '../contracts/runner.ts'
import type { Log } from '../lib/log.ts'
import { removeSpool, writeSpool } from '../store/spool.ts'

/** How long, in ms, an outcome that a generation hears may go without a file. */
const patienceMs = 200

/**
 * Keeps outcomes in the spool, but not those that are committed in a moment: a file for each would take most of a
 * runner's time. While no generation listens, each is written at once.
 */
export class LateSpool {
  readonly #dir: string
  readonly #log: Log
  /** Not written yet, oldest first, with when they came (ms of the monotonic clock). */
  readonly #late = new Map<string, { entry: SpoolEntry; at: number }>()
  #heard = false
  #timer: NodeJS.Timeout | undefined

  constructor(dir: string, log: Log) {
    this.#dir = dir
    this.#log = log
  }

  /** Whether a generation hears what is told: when none does any more, everything is written. */
  heard(heard: boolean): void {
    this.#heard = heard
    if (!heard) this.flush()
  }

  keep(entry: SpoolEntry): void {
    if (!this.#heard) return this.#write(entry)
    this.#late.set(entry.run_id, { entry, at: performance.now() })
    this.#wait()
  }

  /** A generation has committed the outcome of this run. */
  drop(runId: string): void {
    if (this.#late.delete(runId)) return
    try {
      removeSpool(this.#dir, runId)
    } catch (error) {
      // A generation that finds the file again finds the outcome already in the journal.
      this.#log.error({ err: error, runId }, 'the spool file of a committed run could not be removed')
    }
  }

  /** Writes what came at least `ageMs` ago. */
  flush(ageMs = 0): void {
    const before = performance.now() - ageMs
    for (const [runId, { entry, at }] of this.#late) {
      if (at > before) break
      this.#late.delete(runId)
      this.#write(entry)
    }
  }

  #wait(): void {
    if (this.#timer !== undefined) return
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.flush(patienceMs)
      if (this.#late.size > 0) this.#wait()
    }, patienceMs)
  }

  #write(entry: SpoolEntry): void {
    const { run_id, request_id } = entry
    try {
      writeSpool(this.#dir, entry)
    } catch (error) {
      this.#log.error(
        { err: error, run_id, request_id },
        'an outcome could not be spooled; it is kept in memory until a generation has committed it',
      )
    }
  }
}
