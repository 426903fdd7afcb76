import { outcomeOf, requestOf } from './event.ts'
import type { HistoryEvent } from './event.ts'

/** Requests sent, by conversation, in the order in which they were acknowledged. */
export type SentWork = ReadonlyMap<string, readonly string[]>

/** What became of work that was all to be completed; all but `sent` and `done` are 0 when nothing went wrong. */
export interface WorkCounts {
  sent: number
  done: number
  /** without an outcome, or with another than its result */
  lost: number
  /** run more often than once, by what the runner wrote */
  twice: number
  /** told of more than once */
  doubled: number
  /** told of before the one ahead of it in its conversation */
  disordered: number
}

/** Compares what one client was told with what it sent. @param runs how often each request was run */
export function countWork(
  told: readonly HistoryEvent[],
  sent: SentWork,
  runs: ReadonlyMap<string, number>,
): WorkCounts {
  const counts: WorkCounts = { sent: 0, done: 0, lost: 0, twice: 0, doubled: 0, disordered: 0 }
  const outcomes = Map.groupBy(outcomesIn(told), ({ request_id }) => request_id)
  for (const ids of sent.values()) {
    let last = -1
    for (const id of ids) {
      const [first, ...more] = outcomes.get(id) ?? []
      counts.sent++
      counts.doubled += more.length
      if (first?.state === 'completed') counts.done++
      else counts.lost++
      if ((runs.get(id) ?? 0) > 1) counts.twice++
      if (first === undefined) continue
      if (first.at < last) counts.disordered++
      last = first.at
    }
  }
  return counts
}

/** The sum of several. */
export function addCounts(all: readonly WorkCounts[]): WorkCounts {
  const sum = (count: (one: WorkCounts) => number): number => all.reduce((total, one) => total + count(one), 0)
  return {
    sent: sum(({ sent }) => sent),
    done: sum(({ done }) => done),
    lost: sum(({ lost }) => lost),
    twice: sum(({ twice }) => twice),
    doubled: sum(({ doubled }) => doubled),
    disordered: sum(({ disordered }) => disordered),
  }
}

/** An outcome a client was told of. */
export interface ToldOutcome {
  request_id: string
  event: string
  state: string
  data: Record<string, unknown>
  /** its place among all it was told */
  at: number
}

/** The outcomes among what a client was told, in order. */
export function outcomesIn(told: readonly HistoryEvent[]): ToldOutcome[] {
  return told.flatMap((one, at) => {
    const outcome = outcomeOf(one)
    const request_id = requestOf(one)
    if (outcome === undefined || request_id === undefined) return []
    return [{ request_id, event: one.event, state: outcome.state, data: one.data, at }]
  })
}
