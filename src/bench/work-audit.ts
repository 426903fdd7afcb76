import { outcomesOf } from '../testing/work.ts'
import type { Sent } from '../testing/work.ts'
import type { WireClient } from '../testing/wire-client.ts'

/** What went wrong with requests; all 0 when nothing did. */
export interface Audit {
  done: number
  sent: number
  /** without an outcome, or failed */
  lost: number
  /** run more often than once, by what the runner wrote */
  twice: number
  /** told of before the one ahead of it in its conversation */
  disordered: number
  connectionsCut: number
}

/** Compares what a client was told with what was sent. */
export function auditWork(client: WireClient, sent: Sent, runs: Map<string, number>): Audit {
  const audit: Audit = { done: 0, sent: 0, lost: 0, twice: 0, disordered: 0, connectionsCut: Number(client.cut) }
  const outcomes = new Map(outcomesOf(client).map(({ request_id, event }, at) => [request_id, { event, at }]))
  for (const ids of sent.values()) {
    let last = -1
    for (const id of ids) {
      const outcome = outcomes.get(id)
      audit.sent++
      if (outcome?.event === 'completion:result') audit.done++
      else audit.lost++
      if ((runs.get(id) ?? 0) > 1) audit.twice++
      if (outcome === undefined) continue
      if (outcome.at < last) audit.disordered++
      last = outcome.at
    }
  }
  return audit
}

/** The sum of several. */
export function addAudits(audits: readonly Audit[]): Audit {
  const sum: Audit = { done: 0, sent: 0, lost: 0, twice: 0, disordered: 0, connectionsCut: 0 }
  for (const audit of audits) for (const key of Object.keys(sum) as (keyof Audit)[]) sum[key] += audit[key]
  return sum
}
