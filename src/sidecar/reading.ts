/** Why a source has, or has not, fresh facts. */
export type ReadingState =
  /** read just now */
  | 'fine'
  /** not asked yet: the sidecar has just started */
  | 'pending'
  /** not set up, and so not expected */
  | 'off'
  /** there is nothing to read */
  | 'absent'
  /** closed cleanly; the facts are the last known ones */
  | 'closed'
  /** cannot be read; the facts are the last known ones */
  | 'failed'

/** What a source knows now. Times are epoch ms. */
export interface Reading<T> {
  readonly state: ReadingState
  /** A sentence when the state is not `fine`. */
  readonly error: string | null
  /** When `facts` were read. */
  readonly atMs: number | null
  /** Since when the source answers, or since when it does not. */
  readonly sinceMs: number
  /** The last known facts. */
  readonly facts: T | null
}

/** Holds a source's newest reading, and keeps the last known facts when the source stops answering. */
export class NewestReading<T> {
  readonly #onReading: () => void
  readonly #clock: () => number
  #reading: Reading<T>

  constructor(options: { onReading: () => void; clock?: () => number; state?: 'pending' | 'off'; error?: string }) {
    this.#onReading = options.onReading
    this.#clock = options.clock ?? Date.now
    this.#reading = {
      state: options.state ?? 'pending',
      error: options.error ?? 'It has not been asked yet.',
      atMs: null,
      sinceMs: this.#clock(),
      facts: null,
    }
  }

  get reading(): Reading<T> {
    return this.#reading
  }

  /** The source answered. */
  good(facts: T): void {
    const now = this.#clock()
    const sinceMs = this.#reading.state === 'fine' ? this.#reading.sinceMs : now
    this.#reading = { state: 'fine', error: null, atMs: now, sinceMs, facts }
    this.#onReading()
  }

  /** The source did not answer; `error` says why, in a sentence. */
  bad(state: 'absent' | 'closed' | 'failed', error: string): void {
    const sinceMs = this.#reading.state === 'fine' ? this.#clock() : this.#reading.sinceMs
    this.#reading = { ...this.#reading, state, error, sinceMs }
    this.#onReading()
  }
}
