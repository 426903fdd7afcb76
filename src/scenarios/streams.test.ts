import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { Ksi } from '../testing/ksi.ts'
import { makeProject } from '../testing/project.ts'
import { chooseSeed, randomFrom } from '../testing/random.ts'
import { streamsOver, wholeText } from '../testing/streams-over-acts.ts'
import type { WireClient } from '../testing/wire-client.ts'

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

test('20 streams over 30 saves and 10 kills: each comes whole, by one call', async (t) => {
  const seed = chooseSeed()
  t.diagnostic(`KSI_SEED=${seed}`)
  using project = makeProject()
  await using ksi = await Ksi.start(project)
  const options = { streams: 20, saves: 30, kills: 10, chunks: 300, latencyMs: 6_000, random: randomFrom(seed) }
  t.diagnostic(`${await streamsOver(ksi, project, options)} streams`)
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
