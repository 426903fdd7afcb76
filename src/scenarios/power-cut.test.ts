import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { outcomesIn } from '../history/work.ts'
import { parseObject } from '../lib/ndjson.ts'
import type { Ksi } from '../testing/ksi.ts'
import { Machine } from '../testing/power/power-cut.ts'
import type { Project } from '../testing/project.ts'
import { makeProject } from '../testing/project.ts'
import { randomFrom } from '../lib/random.ts'
import { chooseSeed } from '../testing/random.ts'
import type { Push, WireClient } from '../testing/wire-client.ts'

/** What clients were told before the power went. */
interface Told {
  acknowledged: string[]
  pushes: Push[]
}

const conversations = 6

/** Requests by the dozen, until the connection is cut; what is told of them is noted as it comes. */
async function keepSending(client: WireClient, tag: string, told: Told): Promise<void> {
  client.onPush = (push) => told.pushes.push(push)
  await client.request('monitor:subscribe', { event_patterns: ['completion:*'] })
  for (let n = 0; !client.cut; n++) {
    const burst = Array.from({ length: 5 }, async (_, i) => {
      const request_id = `${tag}-${n}-${i}`
      const session_id = `${tag}-s${(n + i) % conversations}`
      const echo = { latency_ms: i === 4 ? 200 : i * 4 }
      await client.request('completion:async', { prompt: request_id, request_id, session_id, extra_body: { echo } })
      told.acknowledged.push(request_id)
    })
    await Promise.allSettled(burst)
  }
}

/** Work in four connections, and the power goes in the midst of it. */
async function cutUnderWork(machine: Machine, ksi: Ksi, work: { round: number; afterMs: number; save: () => void }) {
  const told: Told[] = []
  const sending: Promise<void>[] = []
  for (let i = 0; i < 4; i++) {
    const one: Told = { acknowledged: [], pushes: [] }
    told.push(one)
    sending.push(keepSending(await ksi.client(), `r${work.round}c${i}`, one))
  }
  await delay(work.afterMs / 2)
  work.save()
  await delay(work.afterMs)
  await machine.cut(ksi)
  await Promise.all(sending)
  return { acknowledged: told.flatMap(({ acknowledged }) => acknowledged), pushes: told[0]?.pushes ?? [] }
}

/** Those of the acknowledged that nobody knows any more. */
async function unknownOf(client: WireClient, ids: string[]): Promise<string[]> {
  const replies = await Promise.all(ids.map((request_id) => client.request('completion:status', { request_id })))
  return ids.filter((id, i) => replies[i]?.request_id !== id)
}

/** How often each prompt and each response stands in the response files. */
function linesByRequest(project: Project, sessions: Iterable<string>): Map<string, string> {
  const found = new Map<string, string>()
  for (const session of sessions) {
    const path = project.path(`var/logs/responses/${session}.jsonl`)
    const text = existsSync(path) ? readFileSync(path, 'utf8') : ''
    for (const line of text.split('\n').filter((one) => one !== '')) {
      const { request_id, ksi } = parseObject(line) as { request_id?: string; ksi?: { request_id: string } }
      const id = ksi?.request_id ?? request_id ?? line
      found.set(id, `${found.get(id) ?? ''}${ksi === undefined ? 'P' : 'R'}`)
    }
  }
  return found
}

test('a power cut under work, twice: what was acknowledged or told is there, files are made whole', async (t) => {
  const seed = chooseSeed()
  t.diagnostic(`KSI_SEED=${seed}`)
  const random = randomFrom(seed)
  using project = makeProject()
  await using machine = new Machine(project)
  const known: string[] = []
  let ksi = await machine.start()
  for (let round = 0; round < 2; round++) {
    const save = (): void => project.edit('src/daemon/health.ts', (text) => `${text}\n// ${round}\n`)
    const told = await cutUnderWork(machine, ksi, { round, afterMs: 300 + random() * 400, save })
    const outcomes = outcomesIn(told.pushes)
    t.diagnostic(`${told.acknowledged.length} acknowledged, ${outcomes.length} outcomes told`)
    assert.ok(told.acknowledged.length > 30 && outcomes.length > 10, 'there was work')
    known.push(...told.acknowledged)
    ksi = await machine.start()
    using client = await ksi.client()
    assert.deepEqual(await unknownOf(client, known), [])
    for (const { request_id, state } of outcomes)
      assert.equal((await client.request('completion:status', { request_id })).status, state, request_id)
    const { since } = await client.request('monitor:subscribe', { event_patterns: ['completion:*'] })
    const newest = Math.max(...told.pushes.map(({ seq }) => seq))
    assert.ok(Number(since) >= newest, `told up to ${newest}, and the journal goes on from ${String(since)}`)
    await assertFiles(project, client, known)
  }
})

/** All come to an end; the lines of those that completed are in their files, each once, prompt before response. */
async function assertFiles(project: Project, client: WireClient, ids: string[]): Promise<void> {
  const sessions = new Map<string, string>()
  for (const request_id of ids) {
    const { status, session_id } = await client.request('completion:wait', { request_id, timeout_ms: 30_000 })
    if (status === 'completed') sessions.set(request_id, String(session_id))
  }
  // Files are written before anybody is told.
  const lines = linesByRequest(project, new Set(sessions.values()))
  assert.deepEqual([...new Set(lines.values())], ['PR'])
  assert.deepEqual(
    [...sessions.keys()].filter((id) => !lines.has(id)),
    [],
  )
}

test('with KSI_DURABILITY=process the same power cut loses what was acknowledged', async (t) => {
  using project = makeProject()
  await using machine = new Machine(project, { KSI_DURABILITY: 'process' })
  const ksi = await machine.start()
  using first = await ksi.client()
  await first.request('dev:checkpoint')
  const told = await cutUnderWork(machine, ksi, { round: 0, afterMs: 300, save: () => {} })
  const again = await machine.start()
  using client = await again.client()
  const lost = await unknownOf(client, told.acknowledged)
  t.diagnostic(`${lost.length} of ${told.acknowledged.length} acknowledged are lost`)
  assert.ok(lost.length > 0)
})
