import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { Journal } from '../../store/journal.ts'
import { TestQueue } from '../../store/testing/temp-journal.ts'
import { Ksi } from '../../testing/ksi.ts'
import { makeProject } from '../../testing/project.ts'
import type { Data, WireClient } from '../../testing/wire-client.ts'

const count = Number(process.env.KSI_SOAK_REQUESTS ?? 1_000_000)
const inOneGo = 10_000

/** Requests of one conversation, behind one that takes an hour. */
function fill(path: string): void {
  const journal = Journal.open(path, 'soak', { suspect: false, now: Date.now() })
  const queue = new TestQueue(journal)
  queue.accept('first', 'long', 'ASYNC', { prompt: 'first', extra_body: { echo: { latency_ms: 3_600_000 } } })
  for (let n = 0; n < count; n += inOneGo)
    journal.tx(() => {
      for (let i = n; i < Math.min(count, n + inOneGo); i++) queue.accept(`request-${i}`, 'long')
    })
  journal.flush()
  journal.close()
}

test(`checkpoints of ${count} requests are looked at while everybody else is served`, async (t) => {
  using project = makeProject()
  mkdirSync(project.path('var/db'), { recursive: true })
  fill(project.path('var/db/dev_checkpoint.db'))
  await using ksi = await Ksi.start(project, { KSI_MAX_QUEUED: String(count * 2) })
  using client = await ksi.client()
  using other = await ksi.client()
  const { crashes } = await ksi.status()
  const saved = await client.request('dev:checkpoint')
  await client.request('completion:async', { prompt: 'new', request_id: 'new', session_id: 'another' })
  await client.request('dev:checkpoint')
  const acts: [what: string, event: string, data: Data][] = [
    ['diff', 'dev:checkpoint', { action: 'diff', checkpoint: saved.checkpoint }],
    ['show', 'dev:checkpoint', { action: 'show' }],
    ['list_requests', 'dev:checkpoint', { action: 'list_requests' }],
    ['restore, tried', 'dev:restore', { checkpoint: saved.checkpoint, dry_run: true }],
  ]
  for (const [what, event, data] of acts) {
    const over = new AbortController()
    const slowest = slowestReply(other, over.signal)
    const begun = performance.now()
    await client.request(event, data)
    const took = performance.now() - begun
    over.abort()
    t.diagnostic(`${what}: ${Math.round(took)} ms; slowest reply meanwhile ${Math.round(await slowest)} ms`)
    assert.ok((await slowest) < 250, `${what}: ${await slowest} ms; the machine may be busy`)
  }
  assert.equal((await ksi.status()).crashes, crashes)
})

async function slowestReply(client: WireClient, over: AbortSignal): Promise<number> {
  let slowest = 0
  while (!over.aborted) {
    const begun = performance.now()
    await client.request('system:health')
    slowest = Math.max(slowest, performance.now() - begun)
    await delay(2)
  }
  return slowest
}
