import { Faults } from './faults.ts'

/** One run as the runner's log tells of it. */
export interface RunEnd {
  request_id: string
  run_id: string
  duration_ms: number
  /** epoch ms of its end */
  time: number
}

/**
 * Nothing ran more often than it was tried, and no two runs of one conversation overlap.
 * @param tries how many runs a request may have had
 * @returns what is wrong
 */
export function checkRuns(
  runs: readonly RunEnd[],
  conversationOf: (requestId: string) => string | undefined,
  tries: (requestId: string) => number,
): readonly string[] {
  const faults = new Faults()
  for (const [id, mine] of Map.groupBy(runs, (run) => run.request_id))
    if (mine.length > tries(id)) faults.add(`${id} was run ${mine.length} times`)
  for (const [conversation, mine] of Map.groupBy(runs, (run) => conversationOf(run.request_id) ?? run.request_id)) {
    const ordered = mine.toSorted((a, b) => a.time - b.time)
    for (const [i, run] of ordered.entries()) {
      const before = ordered[i - 1]
      // Both times are whole ms, and the log line comes after the end.
      if (before !== undefined && run.time - run.duration_ms < before.time - 1)
        faults.add(`in ${conversation}, ${run.request_id} ran beside ${before.request_id}`)
    }
  }
  return faults.found
}
