import { SourceHashes } from '../../lib/source-hashes.ts'
import type { Difference, Hashes } from '../../lib/source-hashes.ts'

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
/**
 * Looks without any event: for lost events (overflow, VirtioFS deletes), so many ms apart; where there are no events,
 * or some files are out of their reach, more often. However many files there are, looking takes at most one part in so
 * many of the time.
 */
const sweeps = { hints: { ms: 2_000, share: 200 }, none: { ms: 100, share: 20 } }

interface ScannerOptions {
  root: string
  /** what is known already */
  known?: Hashes
  onChange: (difference: Difference) => void
  /** It was looked, and nothing had changed that was not told. */
  onLook?: (hashes: SourceHashes) => void
}

/** Turns hints that something changed into changes that did happen, each told once. */
export class ChangeScanner {
  readonly #hashes: SourceHashes
  readonly #o: ScannerOptions
  #hinted = false
  #lookedFor = 0
  #sweep: NodeJS.Timeout | undefined
  #soon: NodeJS.Immediate | undefined
  #second: NodeJS.Timeout | undefined
  #tornSince: number | undefined
  #stopped = false

  constructor(options: ScannerOptions) {
    this.#o = options
    this.#hashes = new SourceHashes(options.root, options.known)
    this.#sweepLater()
  }

  /** Whether there are hints from now on. */
  set hasHints(hinted: boolean) {
    this.#hinted = hinted
    // What came just before there were any.
    if (!this.#stopped) this.hint()
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
      this.#sweepLater()
    })
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#sweep)
    clearTimeout(this.#second)
    clearImmediate(this.#soon)
  }

  #sweepLater(): void {
    clearTimeout(this.#sweep)
    if (this.#stopped) return
    const { links, unreadable } = this.#hashes
    const { ms, share } = this.#hinted && links.length + unreadable.size === 0 ? sweeps.hints : sweeps.none
    this.#sweep = setTimeout(
      () => {
        this.#lookOn()
        this.#sweepLater()
      },
      Math.max(ms, share * this.#lookedFor),
    )
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
    const begun = performance.now()
    const difference = this.#hashes.compare()
    this.#lookedFor = performance.now() - begun
    if (difference.changed.length + difference.removed.length === 0) {
      this.#tornSince = undefined
      this.#o.onLook?.(this.#hashes)
      return 'same'
    }
    if (this.#mayBeTorn(difference)) return 'torn'
    this.#tornSince = undefined
    this.#hashes.accept()
    this.#o.onChange(difference)
    return 'told'
  }

  #mayBeTorn({ removed, emptied }: Difference): boolean {
    if (removed.length + emptied === 0) return false
    const now = performance.now()
    this.#tornSince ??= now
    return now - this.#tornSince < tornMs
  }
}
