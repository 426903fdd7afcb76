import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { StreamHistory } from '../history/stream-history.ts'
import { Ksi } from '../testing/ksi.ts'
import { makeProject } from '../testing/project.ts'
import type { WireClient } from '../testing/wire-client.ts'
import { progress } from './table.ts'

export interface StreamFigures {
  streams: number
  perSecond: number
  /** ms from when the provider gave each chunk until a client had it */
  delays: number[]
  /** the same for chunks given in the second after a save */
  swapDelays: number[]
  /** gaps and repeats */
  faults: readonly string[]
  saves: number
}

const perConnection = 100

/**
 * Follows `streams` echo streams of `perSecond` chunks each for some seconds, over `saves` saves. The provider of the
 * copy that is measured stamps each chunk with its time.
 */
export async function measureStreams(options: {
  streams: number
  perSecond: number
  seconds: number
  saves: number
}): Promise<StreamFigures> {
  const { streams, perSecond, seconds, saves } = options
  progress(`${streams} streams of ${perSecond} chunks a second, over ${saves} saves`)
  using project = makeProject({ changesReplies: true })
  project.edit('src/runner/providers/echo.ts', (text) =>
    text.replace('const text = `${said.length} `', 'const text = `${Date.now()} `'),
  )
  await using ksi = await Ksi.start(project, { KSI_LOG_LEVEL: 'warn', KSI_MAX_CONCURRENT: String(streams) })
  const history = new StreamHistory()
  const given: { at: number; delay: number }[] = []
  const ids: string[] = []
  for (let from = 0; from < streams; from += perConnection) {
    const client = await ksi.client()
    client.onPush = (push) => {
      history.take(push)
      if (push.event !== 'completion:delta') return
      const at = Number(push.data['text'])
      given.push({ at, delay: Date.now() - at })
    }
    ids.push(...(await open(client, Math.min(perConnection, streams - from), perSecond * seconds, seconds * 1_000)))
  }
  // What was given while the last ones were being opened is no measure of anything.
  await delay(1_000)
  const opened = Date.now()
  const savedAt: number[] = []
  for (let save = 0; save < saves; save++) {
    await delay(((seconds - 3) * 1_000) / (saves + 1))
    savedAt.push(Date.now())
    project.edit('src/daemon/health.ts', (text) => `${text}\n// save ${save}\n`)
  }
  while (!ids.every((id) => history.of(id)?.ended)) await delay(100)
  const inSwap = ({ at }: { at: number }): boolean => savedAt.some((saved) => at >= saved - 50 && at < saved + 1_000)
  return {
    streams,
    perSecond,
    delays: given.filter((one) => one.at >= opened && !inSwap(one)).map((one) => one.delay),
    swapDelays: given.filter(inSwap).map((one) => one.delay),
    faults: history.faults,
    saves,
  }
}

async function open(client: WireClient, count: number, chunks: number, latencyMs: number): Promise<string[]> {
  const ids = Array.from({ length: count }, () => `b-${randomUUID().slice(0, 12)}`)
  const extra_body = { echo: { chunks, latency_ms: latencyMs } }
  await Promise.all(
    ids.flatMap((request_id) => [
      client.request('completion:async', { request_id, prompt: 'count', extra_body }),
      client.request('completion:stream', { request_id }),
    ]),
  )
  return ids
}
