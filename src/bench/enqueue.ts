import { Ksi } from '../testing/ksi.ts'
import { makeProject } from '../testing/project.ts'
import { setTimeout as delay } from 'node:timers/promises'
import type { WireClient } from '../testing/wire-client.ts'
import { asyncLine, fillQueue } from './pipeline.ts'
import { progress } from './table.ts'

export interface EnqueueFigures {
  /** ms of each acknowledged request, sent one after the other */
  single: number[]
  /** acknowledged requests a second, sent without waiting */
  pipelined: number[]
  /**
   * `system:reload`, as the client waits for it and as the boot wrote it down, in ms; `miscounted`: queued ones lost or
   * doubled
   */
  goingLive: { queued: number; client: number[]; total: number[]; miscounted: number }[]
}

/** Enqueues one by one and pipelined, and reloads with none and with `depth` requests queued. */
export async function measureEnqueue(options: {
  single: number
  depth: number
  reloads: number
}): Promise<EnqueueFigures> {
  const { single, depth, reloads } = options
  using project = makeProject({ changesReplies: true })
  await using ksi = await Ksi.start(project, { KSI_LOG_LEVEL: 'info', KSI_MAX_QUEUED: '10000000' })
  using client = await ksi.client()
  progress(`going live with nothing queued: ${reloads} reloads`)
  const none = await reload(ksi, client, reloads)
  progress(`enqueue one by one: ${single}`)
  await fillQueue(ksi.socket, 0)
  const figures: EnqueueFigures = {
    single: await enqueueOneByOne(client, single),
    pipelined: [],
    goingLive: [{ queued: 0, ...none }],
  }
  progress(`enqueue pipelined, up to ${depth} queued`)
  const batches = 5
  for (let batch = 0; batch < batches; batch++) {
    const count = depth / batches
    figures.pipelined.push((count / (await fillQueue(ksi.socket, count))) * 1_000)
  }
  progress(`going live with ${depth} queued: ${reloads} reloads`)
  figures.goingLive.push({ queued: depth, ...(await reload(ksi, client, reloads)) })
  return figures
}

async function enqueueOneByOne(client: WireClient, count: number): Promise<number[]> {
  client.checked = false
  const times: number[] = []
  for (let i = 0; i < count; i++) {
    const { data } = JSON.parse(asyncLine(`queue${i % 20}`, `one by one ${i}`, 540_000)) as {
      data: Record<string, unknown>
    }
    const begun = performance.now()
    const reply = await client.request('completion:async', data)
    times.push(performance.now() - begun)
    if (reply['status'] !== 'queued') throw new Error(`a request was not taken: ${JSON.stringify(reply)}`)
  }
  return times
}

async function reload(
  ksi: Ksi,
  client: WireClient,
  times: number,
): Promise<{ client: number[]; total: number[]; miscounted: number }> {
  const figures: { client: number[]; total: number[] } = { client: [], total: [] }
  const before = await queuedNow(client)
  for (let i = 0; i < times; i++) {
    await ksi.untilStatus(({ phase, spare }) => phase === 'live' && spare)
    await delay(400)
    const begun = performance.now()
    const reply = await client.request('system:reload')
    figures.client.push(performance.now() - begun)
    if (reply['status'] !== 'reloaded') throw new Error(`a reload failed: ${JSON.stringify(reply)}`)
    figures.total.push(Number((reply['phases'] as { total?: number }).total))
  }
  return { ...figures, miscounted: Math.abs((await queuedNow(client)) - before) }
}

async function queuedNow(client: WireClient): Promise<number> {
  return Number((await client.request('system:health'))['queued'])
}
