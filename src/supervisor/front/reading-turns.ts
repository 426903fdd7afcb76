/** Somebody whose lines wait to be looked at. */
export interface Reader {
  /** Looks at some. @returns whether there are more */
  read(): boolean
}

/** So long, in ms, lines that came in are looked at before everything else gets its turn. */
const turnMs = 3
/** Readers that may look at what came at once, in one turn of the event loop: others wait for theirs. */
const atOnce = 16

/** Lets those who have sent a lot have it looked at in small pieces, one after the other. */
export class ReadingTurns {
  readonly #ready = new Set<Reader>()
  #scheduled = false
  /** readers that looked at what came since the last turn */
  #count = 0

  /** Whether one more may look at what has just come, and wait for nobody. */
  mayRead(): boolean {
    this.#schedule()
    return ++this.#count <= atOnce
  }

  add(reader: Reader): void {
    this.#ready.add(reader)
    this.#schedule()
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => this.#turn())
  }

  #turn(): void {
    const end = performance.now() + turnMs
    this.#scheduled = false
    this.#count = 0
    for (const reader of this.#ready) {
      this.#ready.delete(reader)
      if (reader.read()) this.add(reader)
      if (performance.now() > end) break
    }
    if (this.#ready.size > 0) this.#schedule()
  }
}
