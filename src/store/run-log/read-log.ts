import { readFileSync } from 'node:fs'
import type { RunOutcome } from '../../contracts/runner.ts'
import { systemCodeOf } from '../../lib/errors.ts'
import { parseRecord } from './records.ts'
import type { BegunRun } from './records.ts'
import { listSegments, segmentFile } from './segments.ts'

/** What a log says of a run. */
export interface LoggedRun extends BegunRun {
  /** its number in the log */
  readonly n: number
  outcome?: RunOutcome
  committed: boolean
}

const newline = 0x0a
/** What every record but a chunk's begins with. */
const heads = ['{"b":', '{"e":', '{"x":'].map((head) => Buffer.from(head))

/**
 * What a runner that is dead has left: all runs of its log, in the order they began, by run id. Chunks are passed over
 * without a look; a torn line is left out.
 * @throws the system's own error when a segment cannot be read
 */
export function readLog(dir: string): Map<string, LoggedRun> {
  const runs = new Map<number, LoggedRun>()
  for (const segment of listSegments(dir)) {
    const bytes = readSegment(segmentFile(dir, segment))
    for (const head of heads) for (const line of linesWith(bytes, head)) take(line, runs)
  }
  return new Map([...runs.values()].map((run) => [run.run_id, run]))
}

/** All of a segment; empty when it is no longer there. @throws the system's own error when it cannot be read */
export function readSegment(file: string): Buffer {
  try {
    return readFileSync(file)
  } catch (error) {
    // Removed since the folder was listed: what was in it is committed.
    if (systemCodeOf(error) === 'ENOENT') return Buffer.alloc(0)
    throw error
  }
}

/** The whole lines that begin so. JSON has no raw line end in it, so that only a line's beginning follows one. */
export function* linesWith(bytes: Buffer, head: Buffer): Generator<string> {
  for (let at = bytes.indexOf(head); at !== -1; at = bytes.indexOf(head, at + 1)) {
    if (at > 0 && bytes[at - 1] !== newline) continue
    const end = bytes.indexOf(newline, at)
    if (end !== -1) yield bytes.toString('utf8', at, end)
  }
}

function take(line: string, runs: Map<number, LoggedRun>): void {
  const record = parseRecord(line)
  if (record === undefined) return
  if ('b' in record) {
    const { b: n, ...begun } = record
    runs.set(n, { n, ...begun, committed: false })
  } else if ('e' in record) {
    const run = runs.get(record.e)
    if (run !== undefined) run.outcome = record.outcome
  } else {
    const run = runs.get(record.x)
    if (run !== undefined) run.committed = true
  }
}
