/** What a history shows that the promises do not allow: the first of it, each a sentence. */
export class Faults {
  readonly #found: string[] = []
  readonly #kept: number

  /** @param kept a broken run shows the same thing ten thousand times: the first so many will do */
  constructor(kept = 50) {
    this.#kept = kept
  }

  get found(): readonly string[] {
    return this.#found
  }

  add(text: string): void {
    if (this.#found.length < this.#kept) this.#found.push(text)
  }
}
