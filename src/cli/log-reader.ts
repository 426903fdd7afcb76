import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs'
import { parseObject } from '../lib/ndjson.ts'

/** Reads a log that grows, and that may be put aside for a new one while it is read. */
export class LogReader {
  readonly #path: string
  #ino = 0
  #at = 0
  #rest = ''

  constructor(path: string) {
    this.#path = path
  }

  /** The lines that were written since the last call. @throws the system's error when there is no file */
  next(): string[] {
    const fd = openSync(this.#path, 'r')
    try {
      const { ino, size } = fstatSync(fd)
      if (ino !== this.#ino || size < this.#at) this.#at = 0
      this.#ino = ino
      const bytes = Buffer.alloc(size - this.#at)
      this.#at += readSync(fd, bytes, 0, bytes.length, this.#at)
      const lines = (this.#rest + bytes.toString('utf8')).split('\n')
      this.#rest = lines.pop() ?? ''
      return lines
    } finally {
      closeSync(fd)
    }
  }

  /** Whether there is more. */
  hasMore(): boolean {
    const stats = statSync(this.#path, { throwIfNoEntry: false })
    return stats !== undefined && (stats.ino !== this.#ino || stats.size !== this.#at)
  }
}

/** Lets those lines pass that were written while a generation was live. */
export function ofGeneration(wanted: number): (line: string) => boolean {
  let live: number | undefined
  return (line) => {
    const message = parseObject(line)?.['msg']
    const [, number] = typeof message === 'string' ? (/^generation (\d+) is live/.exec(message) ?? []) : []
    if (number !== undefined) live = Number(number)
    return live === wanted
  }
}
