import { statSync } from 'node:fs'
import { join } from 'node:path'
import type { Phases } from '../../contracts/control.ts'
import type { Settings } from '../../contracts/settings.ts'
import { roundMs } from '../../lib/duration.ts'
import { GenerationProcess } from './generation-process.ts'

/** After a swap the next spare waits this long, in ms: first those who were held get their replies. */
const refillDelayMs = 30

/**
 * Keeps one generation process waiting, dependencies imported, so that a save costs only the import of our own files.
 */
export class SparePool {
  readonly #settings: Settings
  readonly #env: NodeJS.ProcessEnv
  readonly #onLine: (line: string) => void
  #spare: { process: GenerationProcess; stamp: string } | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(options: { settings: Settings; env: NodeJS.ProcessEnv; onLine: (line: string) => void }) {
    this.#settings = options.settings
    this.#env = options.env
    this.#onLine = options.onLine
  }

  get waiting(): boolean {
    return this.#spare?.process.child.alive === true
  }

  /**
   * The spare, or a process made now (its time goes into `phases.fork`). @throws GenerationError when it does not start
   */
  async take(phases: Phases): Promise<GenerationProcess> {
    clearTimeout(this.#timer)
    const begun = performance.now()
    const spare = this.#spare
    this.#spare = undefined
    const usable = spare !== undefined && spare.process.child.alive && spare.stamp === this.#stamp()
    if (spare !== undefined && !usable) spare.process.child.kill()
    const process = usable ? spare.process : this.#fork()
    await process.expect('spare', this.#settings.KSI_BOOT_TIMEOUT_MS)
    const ms = performance.now() - begun
    if (ms > 1) phases.fork = roundMs(ms)
    return process
  }

  /** Makes a new spare soon. */
  refill(): void {
    if (!this.#settings.KSI_SPARE) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      if (!this.waiting) this.#spare = { process: this.#fork(), stamp: this.#stamp() }
    }, refillDelayMs)
  }

  /** Gives up the spare; the caller ends it. */
  close(): GenerationProcess[] {
    clearTimeout(this.#timer)
    const spare = this.#spare
    this.#spare = undefined
    return spare === undefined ? [] : [spare.process]
  }

  #fork(): GenerationProcess {
    return new GenerationProcess(this.#entry, { env: this.#env, onLine: this.#onLine })
  }

  get #entry(): string {
    return join(this.#settings.paths.src, 'daemon/main.ts')
  }

  /** What a spare has already loaded: its own two files and the dependencies. A change of any makes it useless. */
  #stamp(): string {
    return [
      this.#entry,
      join(this.#settings.paths.src, 'daemon/warm-up.ts'),
      join(this.#settings.paths.root, 'node_modules/.package-lock.json'),
    ]
      .map(mtimeOf)
      .join(' ')
  }
}

function mtimeOf(path: string): number {
  try {
    return statSync(path).mtimeMs
  } catch {
    return 0
  }
}
