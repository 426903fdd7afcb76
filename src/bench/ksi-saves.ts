import { setTimeout as delay } from 'node:timers/promises'
import { Ksi } from '../testing/ksi.ts'
import type { Project } from '../testing/project.ts'
import type { WireClient } from '../testing/wire-client.ts'
import { openJournalReader } from '../store/reader.ts'
import { saveConstant } from './edited-file.ts'
import type { Depth } from './edited-file.ts'
import { fillQueue } from './pipeline.ts'
import { startProber } from './prober.ts'
import type { Prober } from './prober.ts'
import { largest } from '../lib/statistics.ts'
import { countProbes, longestSilence, noSaves } from './save-figures.ts'
import type { SaveFigures } from './save-figures.ts'
import { progress } from './table.ts'

/** Nobody saves faster than this, in ms; the spare is back by then. */
const pauseMs = 500
const limitMs = 10_000

export interface KsiSaves {
  name: string
  saves: number
  /** requests that wait meanwhile */
  queued: number
  spare: boolean
  depth: Depth
  /** the constant before the first save */
  from: number
}

/**
 * Saves `saves` times while `queued` requests wait, and watches an open connection and new ones.
 * @param project one that `addConstants` has prepared
 */
export async function measureKsi(project: Project, options: KsiSaves): Promise<SaveFigures> {
  const { from, depth } = options
  const figures = noSaves(options.name)
  await using ksi = await Ksi.start(project, { KSI_SPARE: options.spare ? 'on' : 'off', KSI_LOG_LEVEL: 'info' })
  progress(`${options.name}: ${options.saves} saves with ${options.queued} requests queued`)
  if (options.queued > 0) await fillQueue(ksi.socket, options.queued)
  using client = await ksi.client()
  using watcher = await ksi.client()
  await watcher.request('monitor:subscribe', { event_patterns: ['system:*'] })
  const port = Number((await ksi.status()).addresses.tcp.split(':').at(-1))
  const prober = startProber(port)
  await prober.untilBench(from, limitMs)
  for (let save = 1; save <= options.saves; save++) {
    await ksi.untilStatus(({ phase, spare }) => phase === 'live' && spare === options.spare)
    await delay(pauseMs)
    await saveOnce({ project, client, prober, figures }, { bench: from + save, depth })
  }
  prober.stop()
  countProbes(figures, prober.probes)
  figures.streamsCut = Number(client.cut) + Number(watcher.cut)
  await ksi.untilStatus(({ phase }) => phase === 'live')
  figures.phases = readPhases(project, options.saves)
  return figures
}

async function saveOnce(
  at: { project: Project; client: WireClient; prober: Prober; figures: SaveFigures },
  save: { bench: number; depth: Depth },
): Promise<void> {
  const { client, prober, figures } = at
  const { bench, depth } = save
  const answered = new AbortController()
  const health = pollHealth(client, bench)
  const work = pollWork(client, answered.signal)
  // The first replies are on their way back: from here on the connection is never idle.
  await delay(5)
  const saved = saveConstant(at.project, bench, depth)
  const fresh = await prober.untilBench(bench, limitMs)
  const open = await health
  answered.abort()
  const replies = await work
  figures.fresh.push(fresh.ended - saved)
  figures.silence.push(longestSilence(prober.probes, saved, fresh.ended))
  figures.open.push(open - saved)
  figures.slowest.push(largest(replies.filter(({ ended }) => ended >= saved).map(({ begun, ended }) => ended - begun)))
}

/**
 * Asks for the health back to back until the new code answers. @throws Error after the limit, or when the connection is
 * cut
 */
async function pollHealth(client: WireClient, bench: number): Promise<number> {
  const limit = performance.now() + limitMs
  while (performance.now() < limit)
    if ((await client.request('system:health'))['bench'] === bench) return performance.now()
  throw new Error(`the code of save ${bench} did not answer within ${limitMs} ms`)
}

/**
 * Asks back to back for something only a generation can answer; the health is answered by the front while there is
 * none.
 */
async function pollWork(client: WireClient, until: AbortSignal): Promise<{ begun: number; ended: number }[]> {
  const replies: { begun: number; ended: number }[] = []
  while (!until.aborted) {
    const begun = performance.now()
    await client.request('permission:list_profiles')
    replies.push({ begun, ended: performance.now() })
  }
  return replies
}

/** What the newest boots wrote down of their own time. */
function readPhases(project: Project, count: number): SaveFigures['phases'] {
  const reader = openJournalReader(project.path('var/db/dev_checkpoint.db'))
  try {
    return reader
      .facts({ boots: count })
      .boots.filter(({ cause, end }) => cause === 'save' && end !== 'failed')
      .map(({ phases }) => phases)
  } finally {
    reader.close()
  }
}
