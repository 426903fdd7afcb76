import { readdirSync } from 'node:fs'
import { readdir, rm, rmdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { systemCodeOf } from '../../lib/errors.ts'
import { LineFile } from './line-file.ts'

/** A clock that was set back leaves the newest line in an earlier day: so many days are looked at. */
const daysLooked = 3

/**
 * The files of events, `YYYY-MM-DD/events.jsonl` by local date: no more than some bytes together. A day's file that has
 * a quarter of them goes on in a new one, and the oldest go first.
 */
export class DailyFiles {
  readonly #folder: string
  readonly #maxBytes: number
  #now: LineFile | undefined

  /** @param maxBytes 0: nothing is written */
  constructor(folder: string, maxBytes: number) {
    this.#folder = folder
    this.#maxBytes = maxBytes
  }

  get isOn(): boolean {
    return this.#maxBytes > 0
  }

  /** The `seq` of the newest line there is. @throws the system's error */
  lastSeq(): number | undefined {
    const seqs = days(this.#folder)
      .slice(-daysLooked)
      .map((day) => new LineFile(join(this.#folder, day, 'events.jsonl')).lastSeq())
      .filter((seq) => seq !== undefined)
    return seqs.length === 0 ? undefined : Math.max(...seqs)
  }

  /** Appends lines of one day. @throws the system's error */
  append(day: string, text: string, seq: number): void {
    const path = join(this.#folder, day, 'events.jsonl')
    const file = this.#now?.path === path ? this.#now : new LineFile(path)
    if (file.bytes > this.#maxBytes / 4) file.moveTo(join(this.#folder, day, `events-${seq}.jsonl`))
    this.#now = file
    file.append(text)
  }

  /** Removes the oldest files until the rest is within the bounds. @throws the system's error */
  async trim(): Promise<void> {
    const kept: { path: string; bytes: number; at: number }[] = []
    for (const day of days(this.#folder)) {
      const folder = join(this.#folder, day)
      const names = await readdir(folder)
      if (names.length === 0) await rmdir(folder)
      for (const name of names) {
        const { size, mtimeMs } = await stat(join(folder, name))
        kept.push({ path: join(folder, name), bytes: size, at: mtimeMs })
      }
    }
    let bytes = kept.reduce((sum, file) => sum + file.bytes, 0)
    for (const file of kept.sort((a, b) => a.at - b.at)) {
      if (bytes <= this.#maxBytes || file.path === this.#now?.path) continue
      await rm(file.path, { force: true })
      bytes -= file.bytes
    }
  }
}

function days(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => /^\d{4}-\d\d-\d\d$/.test(name))
      .sort()
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return []
    throw error
  }
}

/** The local date, as 2026-11-24. @param at epoch ms */
export function localDay(at: number): string {
  const date = new Date(at)
  const two = (number: number): string => String(number).padStart(2, '0')
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
}
