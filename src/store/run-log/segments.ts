import { closeSync, mkdirSync, openSync, readdirSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { systemCodeOf } from '../../lib/errors.ts'

/** A place in a log: a segment's number, and a byte in its file. */
export interface Place {
  segment: number
  byte: number
}

/** The file of a segment. */
export function segmentFile(dir: string, segment: number): string {
  return join(dir, `${String(segment).padStart(6, '0')}.log`)
}

/** The segments that lie in a folder, in their order; none when there is no such folder. */
export function listSegments(dir: string): number[] {
  try {
    return readdirSync(dir)
      .filter((name) => /^\d{6,}\.log$/.test(name))
      .map((name) => Number.parseInt(name, 10))
      .sort((a, b) => a - b)
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return []
    throw error
  }
}

/**
 * Appends to numbered files, each of about `segmentBytes`. What was written is on its way to the disk, not on it: a log
 * is for the death of a process.
 */
export class SegmentWriter {
  readonly #dir: string
  readonly #segmentBytes: number
  #segment = 0
  #size = 0
  #file: number | undefined

  constructor(dir: string, segmentBytes: number) {
    this.#dir = dir
    this.#segmentBytes = segmentBytes
  }

  /** The segment that is being written. */
  get segment(): number {
    return this.#segment
  }

  /**
   * Appends whole lines. When it throws, a part of them may be there: the next write goes into a new segment, so that
   * no line is torn by another.
   * @returns where they begin
   * @throws the system's own error (ENOSPC, EIO, …)
   */
  append(bytes: Buffer): Place {
    const file = this.#fileFor(bytes.length)
    const place = { segment: this.#segment, byte: this.#size }
    try {
      for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at)
    } catch (error) {
      this.close()
      throw error
    }
    this.#size += bytes.length
    return place
  }

  /** Removes a segment that is not the one being written. */
  remove(segment: number): void {
    if (segment !== this.#segment || this.#file === undefined) rmSync(segmentFile(this.#dir, segment), { force: true })
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file)
    this.#file = undefined
  }

  #fileFor(bytes: number): number {
    if (this.#file !== undefined && this.#size > 0 && this.#size + bytes > this.#segmentBytes) this.close()
    if (this.#file !== undefined) return this.#file
    mkdirSync(this.#dir, { recursive: true, mode: 0o700 })
    this.#segment = Math.max(this.#segment, listSegments(this.#dir).at(-1) ?? 0) + 1
    this.#size = 0
    this.#file = openSync(segmentFile(this.#dir, this.#segment), 'ax', 0o600)
    return this.#file
  }
}
