import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { StreamHistory } from '../history/stream-history.ts'
import type { Ksi } from './ksi.ts'
import type { Project } from './project.ts'
import type { WireClient } from './wire-client.ts'

interface StreamsOver {
  /** how many run at any time */
  streams: number
  saves: number
  kills: number
  /** how many chunks each gives, and how long it takes, in ms */
  chunks: number
  latencyMs: number
  random: () => number
}

const perConnection = 50
const restMs = 60

/** What echo says in so many chunks when nothing disturbs it. */
export function wholeText(chunks: number): string {
  return Array.from({ length: chunks }, (_, i) => `${i} `).join('')
}

/**
 * Saves and kills the daemon in any order under streams, and sees that each was called once and came whole: no chunk is
 * missing, doubled or out of place, and its text is that of an undisturbed run.
 * @returns how many streams there were
 */
export async function streamsOver(ksi: Ksi, project: Project, options: StreamsOver): Promise<number> {
  const { streams, saves, kills, random } = options
  const over = { acts: false }
  const all: string[] = []
  const following: Promise<void>[] = []
  const clients: WireClient[] = []
  for (let n = 0; n < streams; n++) {
    if (n % perConnection === 0) clients.push(await ksi.client())
    const client = clients.at(-1)
    if (client) following.push(followOn(client, `s${n}`, { ...options, all, over }))
  }
  let left = { save: saves, kill: kills }
  while (left.save + left.kill > 0) {
    const before = (await ksi.status()).generation ?? 0
    const act = random() * (left.save + left.kill) < left.save ? 'save' : 'kill'
    left = { ...left, [act]: left[act] - 1 }
    if (act === 'kill') process.kill(await ksi.livePid(), 'SIGKILL')
    else project.edit('src/daemon/health.ts', (text) => `${text}\n// ${left.save}\n`)
    await ksi.untilStatus(({ generation, phase }) => (generation ?? 0) > before && phase === 'live')
    await delay(random() * restMs)
  }
  over.acts = true
  await Promise.all(following)
  for (const client of clients) client.close()
  const runs = await ksi.runsByRequest()
  for (const id of all) assert.equal(runs.get(id), 1, `${id}: one call`)
  return all.length
}

const histories = new WeakMap<WireClient, StreamHistory>()

function historyOf(client: WireClient): StreamHistory {
  const known = histories.get(client)
  if (known !== undefined) return known
  const history = new StreamHistory()
  histories.set(client, history)
  client.onPush = (push) => history.take(push)
  return history
}

/** Follows one stream after the other, until enough was done to ksi. */
async function followOn(
  client: WireClient,
  tag: string,
  { chunks, latencyMs, all, over }: StreamsOver & { all: string[]; over: { acts: boolean } },
): Promise<void> {
  const history = historyOf(client)
  const extra_body = { echo: { chunks, latency_ms: latencyMs } }
  for (let n = 0; n === 0 || !over.acts; n++) {
    const request_id = `${tag}-${n}`
    all.push(request_id)
    await client.request('completion:async', { request_id, prompt: 'count', extra_body })
    await client.request('completion:stream', { request_id })
    await client.until(() => history.of(request_id)?.ended === true || history.faults.length > 0, latencyMs + 120_000)
    assert.deepEqual(history.faults, [])
    assert.equal(history.of(request_id)?.text, wholeText(chunks), request_id)
  }
}
