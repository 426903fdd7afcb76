import { closeSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'

/*
 * The highest epoch there was, noted outside the journal: a journal that is new, or an old copy that was put in place,
 * must not give out numbers that runners and clients have seen.
 */

const digits = 16

/** @returns the highest epoch that is noted in any of these files; 0 where none is */
export function highestEpoch(files: readonly string[]): number {
  return Math.max(0, ...files.map(readEpoch))
}

/** Notes an epoch in each of these files: one write of fixed length, so that no crash leaves half of it. */
export function noteEpoch(files: readonly string[], epoch: number): void {
  for (const file of files) {
    mkdirSync(dirname(file), { recursive: true })
    const fd = openSync(file, 'a', 0o600)
    closeSync(fd)
    const writing = openSync(file, 'r+')
    try {
      writeSync(writing, `${String(epoch).padStart(digits)}\n`, 0)
    } finally {
      closeSync(writing)
    }
  }
}

function readEpoch(file: string): number {
  try {
    const epoch = Number(readFileSync(file, 'utf8').slice(0, digits))
    return Number.isSafeInteger(epoch) && epoch > 0 ? epoch : 0
  } catch {
    return 0
  }
}
