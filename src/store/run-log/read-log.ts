import { linesOf } from './read-chunks.ts'
import { parseRecord } from './records.ts'
import type { BegunRun } from './records.ts'
import { listSegments, segmentFile } from './segments.ts'
import type { Place } from './segments.ts'
import type { RunOutcome } from '../../contracts/runner.ts'

/** What a log says of a run. */
export interface LoggedRun extends BegunRun {
  readonly n: number
  /** the place of its first record, or an earlier one */
  readonly place: Place
  /** how many chunks it has given */
  chunks: number
  outcome?: RunOutcome
  committed: boolean
}

/**
 * Reads what a runner that is dead has left: all runs of its log, in the order they began. A torn line is left out.
 * @throws the system's own error when a segment cannot be read
 */
export async function readLog(dir: string): Promise<LoggedRun[]> {
  const runs = new Map<number, LoggedRun>()
  for (const segment of listSegments(dir)) {
    let byte = 0
    for await (const block of linesOf(segmentFile(dir, segment), 0)) {
      for (const line of block.toString('utf8').split('\n')) take(line, runs, { segment, byte })
      byte += block.length
    }
  }
  return [...runs.values()]
}

function take(line: string, runs: Map<number, LoggedRun>, place: Place): void {
  const ofChunk = /^\{"c":(\d+),/.exec(line)
  if (ofChunk !== null) {
    const run = runs.get(Number(ofChunk[1]))
    if (run !== undefined) run.chunks++
    return
  }
  const record = parseRecord(line)
  if (record === undefined) return
  if ('b' in record) {
    const { b: n, ...begun } = record
    runs.set(n, { n, ...begun, place, chunks: 0, committed: false })
  } else if ('e' in record) {
    const run = runs.get(record.e)
    if (run !== undefined) run.outcome = record.outcome
  } else {
    const run = runs.get(record.x)
    if (run !== undefined) run.committed = true
  }
}
