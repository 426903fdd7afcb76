/** How often, in ms, a host that nobody keeps looks whether it still has its place. */
const lookMs = 500

/** Ends a host that nobody keeps: not at once, since whoever went may be about to come back. */
export class Linger {
  readonly #o: { hasItsPlace: () => boolean; onOver: (why: string) => void }
  #timer: NodeJS.Timeout | undefined

  constructor(options: { hasItsPlace: () => boolean; onOver: (why: string) => void }) {
    this.#o = options
  }

  /** Nobody keeps it from now on; after `ms` that is the end. */
  begin(ms: number): void {
    this.stop()
    const until = performance.now() + ms
    const look = (): void => {
      const left = until - performance.now()
      if (left <= 0) return this.#o.onOver(`nobody has come back for ${ms} ms`)
      // A folder that was removed, or another host in its place: nobody can come back.
      if (!this.#o.hasItsPlace()) return this.#o.onOver('its socket is gone')
      this.#timer = setTimeout(look, Math.min(left, lookMs))
    }
    look()
  }

  /** Somebody has come back. */
  stop(): void {
    clearTimeout(this.#timer)
  }
}
