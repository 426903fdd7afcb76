import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { StreamHistory } from '../history/stream-history.ts'
import { largest } from '../lib/statistics.ts'
import { Ksi } from '../testing/ksi.ts'
import { memoryOfAll } from '../testing/processes.ts'
import { makeProject } from '../testing/project.ts'
import type { WireClient } from '../testing/wire-client.ts'
import { startStampingApi } from './stamping-api.ts'
import { progress } from './table.ts'

export interface StreamFigures {
  streams: number
  /** ms from when the provider gave each chunk until a client had it */
  delays: number[]
  /** the same for chunks given in the second after a save */
  swapDelays: number[]
  /** the largest of them after each save: so long a stream that ran stood still */
  pauses: number[]
  /** gaps and repeats */
  faults: readonly string[]
  /** what the memory of all processes grew by, in MB, from when all streams ran until the first save */
  grownMb: number
}

interface StreamsOptions {
  provider: 'echo' | 'openai-compatible'
  streams: number
  /** chunks a second of each */
  perSecond: number
  /** how long it runs after all are open */
  seconds: number
  saves: number
}

const perConnection = 100
/** Opening so many streams takes a while. */
const openMs = 5_000
const swapMs = 1_000

/**
 * Follows streams of stamped chunks for some seconds: one half of them undisturbed, the other over `saves` saves.
 * `echo` stamps them in the copy that is measured, an HTTP provider's far end by itself.
 */
export async function measureStreams(options: StreamsOptions): Promise<StreamFigures> {
  const { provider, streams, perSecond, seconds, saves } = options
  progress(`${streams} streams of ${provider}, ${perSecond} chunks a second each, over ${saves} saves`)
  using project = makeProject({ changesReplies: true })
  project.edit('src/runner/providers/echo.ts', (text) =>
    text.replace('const text = `${said.length} `', 'const text = `${Date.now()} `'),
  )
  const lastMs = openMs + seconds * 1_000
  await using api = await startStampingApi({ chunks: (lastMs * perSecond) / 1_000, everyMs: 1_000 / perSecond })
  await using ksi = await Ksi.start(project, {
    KSI_LOG_LEVEL: 'warn',
    KSI_MAX_CONCURRENT: String(streams),
    KSI_OPENAI_COMPATIBLE_URL: api.url,
  })
  const history = new StreamHistory()
  const given: { at: number; delay: number }[] = []
  const ids: string[] = []
  for (let from = 0; from < streams; from += perConnection) {
    const client = await ksi.client()
    client.onPush = (push) => {
      history.take(push)
      if (push.event !== 'completion:delta') return
      const at = Number(push.data['text'])
      if (at > 0) given.push({ at, delay: Date.now() - at })
    }
    ids.push(...(await open(client, Math.min(perConnection, streams - from), { provider, perSecond, lastMs })))
  }
  // What was given while the last ones were being opened is no measure of anything.
  await delay(1_000)
  const opened = Date.now()
  const memory = (): number => memoryOfAll(ksi.process.pid ?? 0) ?? Number.NaN
  const before = memory()
  await delay((seconds * 1_000) / 2)
  const grownMb = memory() - before
  const savedAt: number[] = []
  for (let save = 0; save < saves; save++) {
    savedAt.push(Date.now())
    project.edit('src/daemon/health.ts', (text) => `${text}\n// save ${save}\n`)
    await delay((seconds * 1_000) / 2 / saves)
  }
  while (!ids.every((id) => history.of(id)?.ended)) await delay(100)
  const after = (saved: number) => (one: { at: number }) => one.at >= saved - 50 && one.at < saved + swapMs
  const delaysOf = (of: typeof given): number[] => of.map((one) => one.delay)
  return {
    streams,
    delays: delaysOf(given.filter(({ at }) => at >= opened && at < (savedAt[0] ?? Infinity) - 50)),
    swapDelays: delaysOf(given.filter((one) => savedAt.some((saved) => after(saved)(one)))),
    pauses: savedAt.map((saved) => largest(delaysOf(given.filter(after(saved))))),
    faults: history.faults,
    grownMb,
  }
}

/** Begins `count` requests and follows each. */
async function open(
  client: WireClient,
  count: number,
  { provider, perSecond, lastMs }: Pick<StreamsOptions, 'provider' | 'perSecond'> & { lastMs: number },
): Promise<string[]> {
  const ids = Array.from({ length: count }, () => `b-${randomUUID().slice(0, 12)}`)
  const chunks = (lastMs * perSecond) / 1_000
  const request =
    provider === 'echo'
      ? { prompt: 'count', extra_body: { echo: { chunks, latency_ms: lastMs } } }
      : { prompt: 'count', model: `${provider}/m` }
  await Promise.all(
    ids.flatMap((request_id) => [
      client.request('completion:async', { request_id, ...request }),
      client.request('completion:stream', { request_id }),
    ]),
  )
  return ids
}
