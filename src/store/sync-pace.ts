/** A sync that takes less, in ms, is over before a thread could say so. */
const shortMs = 0.6
/** Who comes so soon, in ms, after a sync that was waited for was there already, and had to wait for it too. */
const crowdedMs = 0.15
/** Then so many groups of commits are synced in a thread, while the next ones form. */
const crowdedGroups = 64

/** Says where a sync is to be done: here, or in a thread while the next group of commits forms. Times are in ms. */
export class SyncPace {
  /** how long one takes, by what was seen last */
  #tookMs = 0
  #hereAt = -Infinity
  #crowded = 0

  /** Whether one that is waited for at `now` is sure to be short, and nobody is seen to wait meanwhile. */
  mayBeHere(now: number): boolean {
    if (now - this.#hereAt < crowdedMs) this.#crowded = crowdedGroups
    return this.#crowded === 0 && this.#tookMs <= shortMs
  }

  /** One was waited for, and all that it held up is done. */
  wasHere(now: number): void {
    this.#hereAt = now
  }

  /** One begins in a thread. */
  inThread(): void {
    if (this.#crowded > 0) this.#crowded -= 1
  }

  took(ms: number): void {
    this.#tookMs += (ms - this.#tookMs) / 8
  }
}
