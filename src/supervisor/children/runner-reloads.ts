import { randomUUID } from 'node:crypto'
import type { BootFailure } from '../../contracts/control.ts'
import { toErrorReport } from '../../lib/errors.ts'
import type { Log } from '../../lib/log.ts'

export interface RunnerReloadsOptions {
  log: Log
  /** Starts a runner with the code as it is on disk. */
  start: () => Promise<void>
  /** Tells the live generation. */
  onFailure: (failure: BootFailure) => void
  /** All that was wrong before is mended. */
  onMended: (failure: BootFailure) => void
}

/**
 * New runners for changed code: one start at a time, since of two the one with the older code may be ready last.
 * Changes
 * that come meanwhile are folded into the next.
 */
export class RunnerReloads {
  readonly #o: RunnerReloadsOptions
  #pending: { files: Set<string>; at: number } | undefined
  #working = false
  #stopped = false
  #failure: BootFailure | null = null

  constructor(options: RunnerReloadsOptions) {
    this.#o = options
  }

  /** Why the newest code of the runner is not in use; null when it is. */
  get failure(): BootFailure | null {
    return this.#failure
  }

  /** The same in a sentence. */
  get problem(): string | null {
    const { files = [], error } = this.#failure ?? {}
    return error === undefined
      ? null
      : `The change of ${files.join(', ')} did not bring a new runner, the old one works on: ${error.message}`
  }

  /** These files of the runner were saved at `at` (epoch ms). */
  saved(files: readonly string[], at: number): void {
    if (this.#stopped) return
    this.#pending = {
      files: new Set([...(this.#pending?.files ?? []), ...files]),
      at: Math.min(this.#pending?.at ?? at, at),
    }
    if (!this.#working) void this.#work()
  }

  /** Starts no more; a runner that is being started is the caller's to end. */
  stop(): void {
    this.#stopped = true
    this.#pending = undefined
  }

  async #work(): Promise<void> {
    this.#working = true
    while (this.#pending !== undefined) {
      const { files, at } = this.#pending
      this.#pending = undefined
      await this.#start([...files].sort(), at)
    }
    this.#working = false
  }

  async #start(files: string[], at: number): Promise<void> {
    const { log, start, onFailure, onMended } = this.#o
    try {
      await start()
      log.info({ files }, 'a new runner takes the new work; the old one finishes its own')
      const mended = this.#failure
      this.#failure = null
      if (mended !== null) onMended(mended)
    } catch (error) {
      if (this.#stopped) return
      log.error({ files, err: error }, 'the new runner did not start; the old one goes on taking work')
      this.#failure = { boot_id: randomUUID(), cause: 'save', files, phase: 'import', error: toErrorReport(error), at }
      onFailure(this.#failure)
    }
  }
}
