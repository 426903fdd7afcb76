import { statSync } from 'node:fs'
import { listSegments, segmentFile } from './segments.ts'

export interface RetentionLimits {
  /** a segment goes when its last record is older, in ms */
  ageMs: number
  /** the oldest go when all together take more, in bytes */
  bytes: number
}

/**
 * Which segments of a log may go: those in which every run is committed, when they are old, or when the log has become
 * large.
 */
export class Retention {
  /** runs with a record in a segment that no generation has committed yet, by segment */
  readonly #open = new Map<number, Set<number>>()

  /** Run `n` has a record in this segment. */
  touched(segment: number, n: number): void {
    const runs = this.#open.get(segment)
    if (runs === undefined) this.#open.set(segment, new Set([n]))
    else runs.add(n)
  }

  /** Run `n` is committed. */
  committed(n: number): void {
    for (const [segment, runs] of this.#open) if (runs.delete(n) && runs.size === 0) this.#open.delete(segment)
  }

  /** The segments of `dir` that may go at `now` (epoch ms), oldest first; never the newest. */
  due(dir: string, limits: RetentionLimits, now: number): number[] {
    const segments = listSegments(dir).map((segment) => ({ segment, ...statOf(segmentFile(dir, segment)) }))
    let bytes = segments.reduce((sum, { size }) => sum + size, 0)
    const due: number[] = []
    for (const { segment, size, mtimeMs } of segments.slice(0, -1)) {
      if (this.#open.has(segment)) continue
      if (now - mtimeMs < limits.ageMs && bytes <= limits.bytes) continue
      due.push(segment)
      bytes -= size
    }
    return due
  }
}

function statOf(file: string): { size: number; mtimeMs: number } {
  const { size, mtimeMs } = statSync(file, { throwIfNoEntry: false }) ?? { size: 0, mtimeMs: 0 }
  return { size, mtimeMs }
}
