import { messageOf } from '../../lib/errors.ts'
import type { Log } from '../../lib/log.ts'
import { SourceHashes } from './source-hashes.ts'
import type { Difference } from './source-hashes.ts'

/** A save, or several at once. */
export interface WatchedChange {
  /** as `src/daemon/x.ts` */
  files: string[]
  /** epoch ms: the newest time stamp of the changed files; now, when files were only removed */
  savedAt: number
  /** from there until it was seen */
  watchMs: number
}

/**
 * chokidar says nothing of a change within 50 ms after another of the same file, so after each event a second look is
 * due.
 */
const secondLookMs = 60
/**
 * A file that is empty or gone may be half-way through a save: so long it is given to be whole again, looked at so
 * often.
 */
const tornMs = 50
const tornLookMs = 10
/** A look without any event: for lost events (overflow, VirtioFS deletes). */
const sweepMs = 2_000
/** As long as nothing gives hints, while all is being started, it is looked so often. */
const firstSweepMs = 100

/** Turns hints that something changed into changes that did happen, each told once. */
export class ChangeScanner {
  readonly #hashes: SourceHashes
  readonly #prefix: string
  readonly #log: Log
  readonly #onChange: (change: WatchedChange) => void
  #sweep: NodeJS.Timeout
  #soon: NodeJS.Immediate | undefined
  #second: NodeJS.Timeout | undefined
  #tornSince: number | undefined
  #stopped = false

  constructor(options: { root: string; prefix: string; log: Log; onChange: (change: WatchedChange) => void }) {
    const { root, prefix, log, onChange } = options
    this.#hashes = new SourceHashes(root)
    this.#prefix = prefix
    this.#log = log
    this.#onChange = onChange
    this.#sweep = setInterval(() => this.#lookOn(), firstSweepMs)
  }

  /** From now on there are hints. */
  hasHints(): void {
    if (this.#stopped) return
    clearInterval(this.#sweep)
    this.#sweep = setInterval(() => this.#lookOn(), sweepMs)
    // What came just before there were any.
    this.hint()
  }

  /** Whether a file (`src/daemon/x.ts`) holds what it held at first. */
  isAsStarted(file: string): boolean {
    return this.#hashes.isAsStarted(file.slice(this.#prefix.length + 1))
  }

  get files(): number {
    return this.#hashes.count
  }

  /** Something may have changed. Hints that come together are one look. */
  hint(): void {
    this.#soon ??= setImmediate(() => {
      this.#soon = undefined
      const seen = this.#look()
      this.#lookAgain(seen === 'torn' ? tornLookMs : secondLookMs)
    })
  }

  stop(): void {
    this.#stopped = true
    clearInterval(this.#sweep)
    clearTimeout(this.#second)
    clearImmediate(this.#soon)
  }

  /** Looks, and looks again for as long as there is something to see. */
  #lookOn(): void {
    const seen = this.#look()
    if (seen !== 'same') this.#lookAgain(seen === 'torn' ? tornLookMs : secondLookMs)
  }

  #lookAgain(ms: number): void {
    clearTimeout(this.#second)
    this.#second = setTimeout(() => this.#lookOn(), ms)
  }

  #look(): 'same' | 'torn' | 'told' {
    const difference = this.#compare()
    if (difference === undefined || difference.changed.length + difference.removed.length === 0) {
      this.#tornSince = undefined
      return 'same'
    }
    if (this.#mayBeTorn(difference)) return 'torn'
    this.#tornSince = undefined
    this.#hashes.accept()
    this.#tell(difference)
    return 'told'
  }

  #mayBeTorn({ removed, emptied }: Difference): boolean {
    if (removed.length + emptied.length === 0) return false
    const now = performance.now()
    this.#tornSince ??= now
    return now - this.#tornSince < tornMs
  }

  #tell({ changed, removed, savedAt }: Difference): void {
    const now = Date.now()
    const at = Math.min(savedAt ?? now, now)
    const files = [...changed, ...removed].map((path) => `${this.#prefix}/${path}`).sort()
    this.#onChange({ files, savedAt: at, watchMs: now - at })
  }

  #compare(): Difference | undefined {
    try {
      return this.#hashes.compare()
    } catch (error) {
      this.#log.warn({ error: messageOf(error) }, 'the source folder cannot be read')
      return undefined
    }
  }
}
