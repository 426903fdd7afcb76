import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { StreamHistory } from '../history/stream-history.ts'
import { Ksi } from '../testing/ksi.ts'
import { makeProject } from '../testing/project.ts'
import type { WireClient } from '../testing/wire-client.ts'

const wholeText = (chunks: number): string => Array.from({ length: chunks }, (_, i) => `${i} `).join('')

/** Sends requests that answer in pieces, and follows each from its beginning. */
async function follow(client: WireClient, count: number, chunks: number, latencyMs: number): Promise<string[]> {
  const ids = Array.from({ length: count }, () => `s-${randomUUID().slice(0, 8)}`)
  for (const id of ids) {
    await client.request('completion:async', {
      request_id: id,
      prompt: 'count',
      extra_body: { echo: { chunks, latency_ms: latencyMs } },
    })
    await client.request('completion:stream', { request_id: id })
  }
  return ids
}

test('20 streams over 10 saves and 3 kills: no chunk is missing, doubled or out of place', async () => {
  using project = makeProject()
  await using ksi = await Ksi.start(project)
  using client = await ksi.client()
  const history = new StreamHistory()
  client.onPush = (push) => history.take(push)
  const chunks = 300
  const ids = await follow(client, 20, chunks, 6_000)
  for (let act = 0; act < 13; act++) {
    const before = (await ksi.status()).generation ?? 0
    if (act % 4 === 3) process.kill(await ksi.livePid(), 'SIGKILL')
    else project.edit('src/daemon/health.ts', (text) => `${text}\n// save ${act}\n`)
    await ksi.untilStatus((status) => (status.generation ?? 0) > before && status.phase === 'live')
    await delay(100)
  }
  await client.until(() => ids.every((id) => history.of(id)?.ended))
  assert.deepEqual(history.faults, [])
  for (const id of ids) assert.equal(history.of(id)?.text, wholeText(chunks))
  const runs = await ksi.runsByRequest()
  for (const id of ids) assert.equal(runs.get(id), 1, 'one call each')
})

test('whoever comes later reads from any offset: of what runs, is done, or died with its runner', async () => {
  using project = makeProject()
  await using ksi = await Ksi.start(project)
  using client = await ksi.client()
  const [running = ''] = await follow(client, 1, 40, 2_000)
  await client.until(({ pushes }) => pushes.filter(({ event }) => event === 'completion:delta').length >= 10)
  const read = async (request_id: string, from: number): Promise<{ text: string; status: unknown }> => {
    using reader = await ksi.client()
    await reader.request('completion:stream', { request_id, from })
    await reader.until(({ pushes }) => pushes.some(({ event }) => event === 'completion:stream_end'))
    const deltas = reader.pushes.filter(({ event }) => event === 'completion:delta')
    return { text: deltas.map(({ data }) => data.text).join(''), status: reader.pushes.at(-1)?.data.status }
  }
  const whole = wholeText(40)
  const late = whole.slice(wholeText(5).length)
  assert.deepEqual(await read(running, 5), { text: late, status: 'completed' })
  assert.deepEqual(await read(running, 5), { text: late, status: 'completed' }, 'also when it is done')

  const [cut = ''] = await follow(client, 1, 1_000, 60_000)
  await client.until(
    ({ pushes }) =>
      pushes.filter(({ event, data }) => event === 'completion:delta' && data.request_id === cut).length > 5,
  )
  process.kill(await ksi.runnerPid(), 'SIGKILL')
  const lost = await client.request('completion:wait', { request_id: cut })
  assert.deepEqual([lost.status, lost.reason], ['failed', 'daemon_restart'])
  assert.match(String(lost.partial), /^0 1 2 3 4 /)
  assert.deepEqual(await read(cut, 0), { text: lost.partial, status: 'failed' })
})
