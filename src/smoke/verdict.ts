import type { Asked } from '../history/replies.ts'
import { checkReplies } from '../history/replies.ts'
import { lossReason } from '../history/event.ts'
import { checkRuns } from '../history/runs.ts'
import type { RunEnd } from '../history/runs.ts'
import { countWork } from '../history/work.ts'
import { sleep } from '../lib/backoff.ts'
import { acts } from './acts.ts'
import type { Company } from './company.ts'
import type { ScenarioName } from './names.ts'
import { firstsOf, idsOf } from './share.ts'
import type { Share } from './share.ts'

/** How much of something there is now, of how much there was. */
interface Kept {
  kept: number
  of: number
}

/** What became of a scenario's share of work. */
export interface Verdict {
  /** requests that waited: completed in their order */
  queued: Kept
  /** requests that ran: went on */
  running: Kept
  /** runs that were lost, and told */
  told: number
  /** runs that were lost, whose requests were run again as they asked */
  again: number
  /** what is wrong, each a sentence */
  faults: string[]
}

/** For what a runner has printed to come by. */
const printedMs = 3_000

/** Holds a share to what is promised of it. */
export async function judgeShare(name: ScenarioName, share: Share, company: Company): Promise<Verdict> {
  const { witness } = company
  const { outcomes } = witness.history
  const firsts = firstsOf(share)
  const waited = idsOf(share).filter((id) => !firsts.includes(id))
  const isDone = (id: string): boolean => outcomes.get(id)?.state === 'completed'
  const isTold = (id: string): boolean => outcomes.get(id)?.reason === lossReason
  const runs = await runsOf(share, company)
  const times = new Map([...Map.groupBy(runs, (run) => run.request_id)].map(([id, mine]) => [id, mine.length]))
  const { doubled, disordered } = countWork(witness.told, share.sent, times)
  const again = firsts.filter((id) => witness.again.has(id))
  return {
    queued: { kept: waited.filter(isDone).length, of: waited.length },
    running: { kept: firsts.filter((id) => isDone(id) && !witness.again.has(id)).length, of: firsts.length },
    told: firsts.filter(isTold).length,
    again: again.length,
    faults: [
      ...witness.faults,
      ...endings(share, company),
      ...losses(share, { may: acts[name].loses ?? false, isTold, again }),
      ...(doubled > 0 ? [`${doubled} outcomes were told more than once`] : []),
      ...(disordered > 0 ? [`${disordered} outcomes came before that of the request ahead`] : []),
      ...checkRuns(runs, conversationIn(share), (id) => (witness.again.has(id) ? 2 : 1)),
      ...(runs.length === 0 ? ['no runner wrote of any run: whether any ran twice cannot be said'] : []),
      ...checkReplies(await statusOf(share, company), outcomes),
    ],
  }
}

/** Requests without an outcome, or with one that nothing explains. */
function endings(share: Share, { witness }: Company): string[] {
  return idsOf(share).flatMap((id) => {
    const outcome = witness.history.outcomes.get(id)
    if (outcome === undefined) return [`${id} was acknowledged and has no outcome`]
    if (outcome.state === 'completed' || outcome.reason === lossReason) return []
    return [`${id} ${outcome.state}: ${outcome.reason ?? 'no reason given'}`]
  })
}

interface Lost {
  /** whether anything may be lost here */
  may: boolean
  isTold: (id: string) => boolean
  /** those that were run again */
  again: readonly string[]
}

function losses(share: Share, { may, isTold, again }: Lost): string[] {
  const told = idsOf(share).filter(isTold)
  const firsts = new Set(firstsOf(share))
  const asked = new Set([...share.sent].flatMap(([session, ids]) => (share.again.has(session) ? ids : [])))
  return [
    ...told.filter((id) => !firsts.has(id)).map((id) => `${id} waited, and was told as lost`),
    ...told.filter((id) => asked.has(id)).map((id) => `${id} asked to be run again, and was told as lost`),
    ...again.filter((id) => !asked.has(id)).map((id) => `${id} was run again, and did not ask for it`),
    ...(may ? [] : [...told, ...again].map((id) => `${id} ran, and was not to be lost here`)),
  ]
}

/** What the runners wrote of a share's runs, once they have written of all that were completed. */
async function runsOf(share: Share, { stage, witness, signal }: Company): Promise<RunEnd[]> {
  const ids = new Set(idsOf(share))
  const done = [...ids].filter((id) => witness.history.outcomes.get(id)?.state === 'completed').length
  for (const limit = performance.now() + printedMs; ; await sleep(100, signal)) {
    const entries = (await stage.runnerLog()).filter(
      ({ msg, request_id }) => msg === 'run ended' && isIn(ids, request_id),
    )
    const runs = entries.map(({ request_id, run_id, duration_ms, time }) => ({
      request_id: String(request_id),
      run_id: String(run_id),
      duration_ms: Number(duration_ms),
      time: Number(time),
    }))
    if (new Set(runs.map((run) => run.request_id)).size >= done || performance.now() > limit) return runs
  }
}

function isIn(ids: ReadonlySet<string>, id: unknown): boolean {
  return typeof id === 'string' && ids.has(id)
}

function conversationIn({ sent }: Share): (id: string) => string | undefined {
  const known = new Map([...sent].flatMap(([session, ids]) => ids.map((id) => [id, session] as const)))
  return (id) => known.get(id)
}

/** What the daemon replies of each request, beside what it told. */
async function statusOf(share: Share, { witness }: Company): Promise<Map<string, Asked>> {
  const client = await witness.client()
  const replies = await Promise.all(
    idsOf(share).map((request_id) => client.request('completion:wait', { request_id, timeout_ms: 0 })),
  )
  return new Map(
    idsOf(share).map((id, n) => [
      id,
      { acknowledged: true, cancelAsked: false, cancelled: false, waited: String(replies[n]?.['status']) },
    ]),
  )
}
