import { randomUUID } from 'node:crypto'
import type { BootFailure } from '../../contracts/control.ts'
import { toErrorReport } from '../../lib/errors.ts'
import type { WordLog } from '../../lib/plain-log.ts'

interface ReloadsOptions {
  log: WordLog
  /** Starts a runner with the code as it is on disk. */
  start: () => Promise<void>
  /** A start has failed, or what failed before is mended. */
  onChange: () => void
}

/** Files saved, when (epoch ms), and who waits to hear what came of it. */
interface Saved {
  files: Set<string>
  at: number
  answers: ((failure: BootFailure | null) => void)[]
}

/**
 * New runners for changed code: one start at a time, since of two the one with the older code may be ready last.
 * Changes that come meanwhile are folded into the next.
 */
export class Reloads {
  readonly #o: ReloadsOptions
  #pending: Saved | undefined
  #working = false
  #stopped = false
  #failure: BootFailure | null = null

  constructor(options: ReloadsOptions) {
    this.#o = options
  }

  /** Why the newest code of the runner is not in use; null when it is. */
  get failure(): BootFailure | null {
    return this.#failure
  }

  /**
   * These files of the runner were saved at `at` (epoch ms). Resolves to why they are not in use, or null; never after
   * `stop`.
   */
  saved(files: readonly string[], at: number): Promise<BootFailure | null> {
    return new Promise((resolve) => {
      if (this.#stopped) return
      const before = this.#pending
      this.#pending = {
        files: new Set([...(before?.files ?? []), ...files]),
        at: Math.min(before?.at ?? at, at),
        answers: [...(before?.answers ?? []), resolve],
      }
      if (!this.#working) void this.#work()
    })
  }

  /** Starts no more; a runner that is being started is the caller's to end. */
  stop(): void {
    this.#stopped = true
    this.#pending = undefined
  }

  async #work(): Promise<void> {
    this.#working = true
    while (this.#pending !== undefined) {
      const { files, at, answers } = this.#pending
      this.#pending = undefined
      await this.#start([...files].sort(), at)
      if (!this.#stopped) for (const answer of answers) answer(this.#failure)
    }
    this.#working = false
  }

  async #start(files: string[], at: number): Promise<void> {
    const { log, start, onChange } = this.#o
    try {
      await start()
      log.info({ files }, 'a new runner takes the new work; the old one finishes its own')
      if (this.#failure === null) return
      this.#failure = null
    } catch (error) {
      if (this.#stopped) return
      log.error({ files, err: error }, 'the new runner did not start; the old one goes on taking work')
      this.#failure = { boot_id: randomUUID(), cause: 'save', files, phase: 'import', error: toErrorReport(error), at }
    }
    onChange()
  }
}
