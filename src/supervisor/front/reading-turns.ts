/** Somebody whose lines wait to be looked at. */
export interface Reader {
  /** Looks at some. @returns whether there are more */
  read(): boolean
}

/** So long, in ms, lines that came in are looked at before everything else gets its turn. */
const turnMs = 3

/** Lets those who have sent a lot have it looked at in small pieces, one after the other. */
export class ReadingTurns {
  readonly #ready = new Set<Reader>()
  #scheduled = false

  add(reader: Reader): void {
    this.#ready.add(reader)
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => this.#turn())
  }

  #turn(): void {
    const end = performance.now() + turnMs
    this.#scheduled = false
    for (const reader of this.#ready) {
      this.#ready.delete(reader)
      if (reader.read()) this.add(reader)
      if (performance.now() > end) break
    }
    const next = this.#ready.values().next().value
    if (next !== undefined) this.add(next)
  }
}
