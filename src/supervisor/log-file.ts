import { closeSync, fstatSync, mkdirSync, openSync, renameSync, statSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'

/** When it is longer, it becomes the old one, and what was the old one goes. */
const maxBytes = 20_971_520

/** Keeps log lines for `ksi logs`: the terminal or Docker has what is printed, and neither knows of boots. */
export class LogFile {
  readonly #path: string
  #fd: number | undefined
  #bytes = 0

  private constructor(path: string) {
    this.#path = path
    this.#open()
  }

  /** Undefined where the output goes into that file as it is (`ksi start`), or no file can be made. */
  static open(path: string): LogFile | undefined {
    try {
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
      const there = statSync(path, { throwIfNoEntry: false })
      const output = fstatSync(1)
      return there?.ino === output.ino && there.dev === output.dev ? undefined : new LogFile(path)
    } catch {
      // What cannot be kept is printed all the same.
      return undefined
    }
  }

  /** Writes whole lines. Never throws: a full disk must not end whoever logs that it is full. */
  write(lines: string): void {
    if (this.#fd === undefined) return
    try {
      this.#bytes += writeSync(this.#fd, lines)
      if (this.#bytes > maxBytes) this.#rotate()
    } catch {
      // The next line is tried again.
    }
  }

  #rotate(): void {
    if (this.#fd !== undefined) closeSync(this.#fd)
    this.#fd = undefined
    renameSync(this.#path, `${this.#path}.1`)
    this.#open()
  }

  #open(): void {
    this.#fd = openSync(this.#path, 'a', 0o600)
    this.#bytes = fstatSync(this.#fd).size
  }
}
