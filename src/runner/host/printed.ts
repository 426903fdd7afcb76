/** So many lines are kept while nobody takes them: the newest. */
const keptLines = 2_000

/**
 * What host and runners print. In a container of its own it goes to stdout; else to whoever keeps the host, and is kept
 * for the next one while there is none.
 */
export class Printed {
  readonly #out: ((line: string) => void) | undefined
  #lines: string[] = []
  #leftOut = 0
  #take: ((lines: string[]) => boolean) | undefined
  #soon: NodeJS.Immediate | undefined

  /** @param out where it goes whoever is there; undefined: to who takes it */
  constructor(out?: (line: string) => void) {
    this.#out = out
  }

  write(line: string): void {
    if (this.#out !== undefined) return this.#out(line)
    this.#lines.push(line)
    if (this.#lines.length > keptLines) this.#leftOut += this.#lines.splice(0, this.#lines.length - keptLines).length
    this.#soon ??= setImmediate(() => this.flush())
  }

  /** From now on this gets what is printed, beginning with what was kept. @param take false: it takes none now */
  takenBy(take: (lines: string[]) => boolean): void {
    this.#take = take
    this.flush()
  }

  /** Hands over what there is. */
  flush(): void {
    clearImmediate(this.#soon)
    this.#soon = undefined
    if (this.#lines.length === 0 || this.#take === undefined) return
    const told = this.#leftOut === 0 ? [] : [`(${this.#leftOut} lines were left out while nobody took them)`]
    if (!this.#take([...told, ...this.#lines])) return
    this.#lines = []
    this.#leftOut = 0
  }
}
