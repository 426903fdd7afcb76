import { lstatSync } from 'node:fs'

/** What a journal in WAL mode lives in: its file, what was written since the last fold, and the index of that. */
const suffixes = { WAL: ['', '-wal', '-shm'], DELETE: [''] } as const

/** Which files a journal was opened in: under the same names there may be others by now, or none. */
export class JournalFiles {
  readonly #path: string
  readonly #suffixes: readonly string[]
  readonly #were: string

  constructor(path: string, mode: 'WAL' | 'DELETE') {
    this.#path = path
    this.#suffixes = suffixes[mode]
    this.#were = this.#look()
  }

  /** Whether they are all still there: what is written is found under the journal's name. */
  get areThere(): boolean {
    return this.#look() === this.#were
  }

  /** Says which are not. */
  get missing(): string {
    const [were, are] = [this.#were.split(' '), this.#look().split(' ')]
    return this.#suffixes
      .filter((_, index) => were[index] !== are[index])
      .map((suffix) => this.#path + suffix)
      .join(', ')
  }

  #look(): string {
    return this.#suffixes.map((suffix) => identityOf(this.#path + suffix)).join(' ')
  }
}

/** Device and number of a file: the same as long as it is the same. A symbolic link is its own file. */
function identityOf(path: string): string {
  try {
    const { dev, ino } = lstatSync(path)
    return `${dev}:${ino}`
  } catch {
    return 'none'
  }
}
