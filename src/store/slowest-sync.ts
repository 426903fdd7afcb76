/** A slow sync is remembered so long, in ms. */
const rememberedMs = 10_000
/** Quicker ones that follow make up for it after so long, in ms. */
const outlivedMs = 2_500

/** How long syncs take, by the slowest of late. */
export class SlowestSync {
  #endedAt = 0
  #tookMs = 0

  /** One took so long, in ms, and has just ended. */
  took(ms: number): void {
    const now = performance.now()
    if (ms < this.#tookMs && now - this.#endedAt < outlivedMs) return
    this.#endedAt = now
    this.#tookMs = ms
  }

  /** in ms; 0 when there was none of late */
  get ms(): number {
    return performance.now() - this.#endedAt < rememberedMs ? this.#tookMs : 0
  }
}
