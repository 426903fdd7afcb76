import { setTimeout as delay } from 'node:timers/promises'
import { Ksi } from '../testing/ksi.ts'
import { makeProject } from '../testing/project.ts'
import type { Project } from '../testing/project.ts'
import type { Push, WireClient } from '../testing/wire-client.ts'
import { Flow } from './flow.ts'
import { addConstants, saveConstant } from './edited-file.ts'
import { addCounts, countWork } from '../history/work.ts'
import type { WorkCounts } from '../history/work.ts'
import { largest } from '../lib/statistics.ts'
import { progress } from './table.ts'

export interface Starts {
  /** save, or kill → the first request that the next generation starts, in ms */
  next: number[]
  /** longest time without a start meanwhile, in ms; by the journal's clock */
  pause: number[]
  counts: WorkCounts
}

const startLimitMs = 10_000

/** Saves in the middle of flowing work: when does the new generation start its first request? */
export async function measureStartsAfterSaves(saves: number): Promise<Starts> {
  progress(`save → next queued request starts: ${saves} saves`)
  using project = makeProject({ changesReplies: true })
  addConstants(project)
  await using ksi = await Ksi.start(project)
  using client = await ksi.client()
  await client.request('monitor:subscribe', { event_patterns: ['completion:*', 'system:*'] })
  const starts: Pick<Starts, 'next' | 'pause'> = { next: [], pause: [] }
  const flow = await Flow.start(client, 'save', saves * 0.75)
  for (let save = 1; save <= saves; save++) {
    await ksi.untilStatus(({ phase, spare }) => phase === 'live' && spare)
    await delay(300)
    await untilNextStart(client, 'system:reloaded', starts, () => saveConstant(project, save))
  }
  await flow.finish()
  return { ...starts, counts: countWork(client.pushes, flow.sent, await ksi.runsByRequest()) }
}

/**
 * Kills the live generation in the middle of flowing work, `kills` times, each in a ksi of its own: the first restart
 * has no back-off.
 */
export async function measureStartsAfterKills(kills: number): Promise<Starts> {
  progress(`kill -9 → next request starts: ${kills} kills`)
  using project = makeProject({ changesReplies: true })
  const starts: Pick<Starts, 'next' | 'pause'> = { next: [], pause: [] }
  const counts: WorkCounts[] = []
  for (let kill = 1; kill <= kills; kill++) counts.push(await killOnce(project, `kill${kill}-`, starts))
  return { ...starts, counts: addCounts(counts) }
}

async function killOnce(project: Project, tag: string, starts: Pick<Starts, 'next' | 'pause'>): Promise<WorkCounts> {
  await using ksi = await Ksi.start(project)
  using client = await ksi.client()
  await client.request('monitor:subscribe', { event_patterns: ['completion:*', 'system:*'] })
  await ksi.untilStatus(({ spare }) => spare)
  const flow = await Flow.start(client, tag, 0.7)
  const pid = await ksi.livePid()
  await delay(200)
  await untilNextStart(client, 'system:recovered', starts, () => {
    process.kill(pid, 'SIGKILL')
    return performance.now()
  })
  await flow.finish()
  const counted = countWork(client.pushes, flow.sent, await ksi.runsByRequest())
  await ksi.stop()
  return counted
}

/**
 * Waits for the first start after the event that tells of a new generation; `act` gives the moment from which time
 * counts.
 */
async function untilNextStart(
  client: WireClient,
  event: string,
  starts: Pick<Starts, 'next' | 'pause'>,
  act: () => number,
): Promise<void> {
  const from = client.pushes.length
  const begun = act()
  let live = -1
  let at = from
  await client.until(() => {
    // Each push is looked at once: the work brings thousands.
    for (; at < client.pushes.length; at++) {
      const push = client.pushes[at]
      if (live === -1 && push?.event === event) live = at
      else if (live !== -1 && push !== undefined && isStart(push)) return true
    }
    return false
  }, startLimitMs)
  starts.next.push(performance.now() - begun)
  const times = client.pushes
    .slice(Math.max(0, from - 50), at + 1)
    .filter(isStart)
    .map(timeOf)
  starts.pause.push(largest(times.map((time, i) => time - (times[i - 1] ?? time))))
}

function isStart({ data }: Push): boolean {
  return data['status'] === 'calling_provider'
}

/** epoch ms of an event, by the journal */
function timeOf(push: Push): number {
  return (push as Push & { timestamp: number }).timestamp * 1_000
}
