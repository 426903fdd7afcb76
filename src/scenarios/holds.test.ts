import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { FakeApi, json, openAiEvents, stream } from '../testing/fake-api.ts'
import type { Behaviour } from '../testing/fake-api.ts'
import { freePort } from '../testing/free-port.ts'
import { Ksi } from '../testing/ksi.ts'
import { makeProject } from '../testing/project.ts'
import type { Data, WireClient } from '../testing/wire-client.ts'

const model = 'openai-compatible/some-model'
const answer = stream(openAiEvents('the answer'))
const slowDown = (headers: Record<string, string>): Behaviour =>
  json(429, { error: { type: 'rate_limit_error', message: 'slow down' } }, headers)

/** What the holds of a ksi are, once there are some for which this is so. */
async function untilHeld(client: WireClient, isSo: (hold: Data) => boolean): Promise<Data> {
  for (let look = 0; look < 500; look++, await delay(20)) {
    const { holds } = await client.request('completion:holds', {})
    const hold = (holds as Data[]).find(isSo)
    if (hold !== undefined) return hold
  }
  throw new Error('nothing is held so')
}

async function outcomes(client: WireClient, ids: string[]): Promise<string[]> {
  const all = await Promise.all(ids.map((request_id) => client.request('completion:wait', { request_id })))
  return all.map(({ status, attempts }) => `${String(status)} ${String(attempts)}`)
}

test('a limit holds its provider over a save and a kill, and one probe ends it; so does an outage', async () => {
  using project = makeProject()
  await using api = await FakeApi.start(slowDown({ 'retry-after': '4' }))
  await using ksi = await Ksi.start(project, {
    KSI_OPENAI_COMPATIBLE_URL: `${api.url}/v1`,
    ANTHROPIC_BASE_URL: `http://127.0.0.1:${await freePort()}`,
    ANTHROPIC_API_KEY: 'sk-ant-0123456789',
    KSI_CIRCUIT_FAILURES: '3',
  })
  using client = await ksi.client()
  const send = async (id: string, more: Data = {}): Promise<string> => {
    await client.request('completion:async', {
      request_id: id,
      conversation_id: id.split('-')[0],
      prompt: id,
      model,
      ...more,
    })
    return id
  }
  const ids: string[] = []
  for (const id of ['a-1', 'a-2', 'a-3', 'b-1', 'c-1']) ids.push(await send(id))
  const held = await untilHeld(client, ({ cause }) => cause === 'limit')
  assert.deepEqual([held.scope, held.name, held.probe], ['provider', 'openai-compatible', null])
  assert.match(String(held.reason), /429 slow down/)
  await delay(200)
  const calls = api.calls.length
  assert.ok(calls <= 3, `${calls} calls`)

  // A save, and a kill of the generation that comes after it: the wait goes on, and others are served meanwhile.
  project.edit('src/daemon/health.ts', (text) => `${text}\n// saved\n`)
  const swapped = await ksi.untilStatus(({ swaps }) => swaps > 0)
  process.kill(await ksi.livePid(), 'SIGKILL')
  await ksi.untilStatus(({ phase, generation }) => phase === 'live' && generation !== swapped.generation)
  assert.equal(api.calls.length, calls, 'nobody asks while it is held')
  await send('flows', { model: 'echo/echo' })
  assert.deepEqual(await outcomes(client, ['flows']), ['completed 1'])
  const { providers } = await client.request('completion:provider_status', { provider: 'openai-compatible' })
  const [limit, ...more] = (providers as { holds: Data[] }[]).flatMap(({ holds }) => holds)
  assert.deepEqual([limit?.cause, more], ['limit', []])
  // The journal's clock has hundredths of a second.
  assert.ok(Math.abs(Date.parse(String(limit?.since)) - Date.parse(String(held.since))) < 50, 'since then')
  assert.deepEqual((await client.request('completion:status', { request_id: 'b-1' })).waits_for, 'limit')

  // When its time is over one goes first; the others follow its answer.
  let open = (): void => {}
  const opened = new Promise<void>((resolve) => (open = resolve))
  api.behave = async (response, call) => {
    await opened
    await answer(response, call)
  }
  const { probe } = await untilHeld(client, ({ phase }) => phase === 'probing')
  await delay(300)
  assert.equal(api.calls.length, calls + 1, 'one probe')
  assert.equal(probe, 'a-1')
  open()
  assert.deepEqual(await outcomes(client, ids), Array(5).fill('completed 1'))
  const prompts = api.calls.slice(calls).map(({ body }) => (body.messages as { content: string }[]).at(-1)?.content)
  assert.deepEqual(
    prompts.filter((prompt) => prompt?.startsWith('a-')),
    ['a-1', 'a-2', 'a-3'],
  )

  // Nobody listens: after three in a row the others are not tried, and by hand it is over at once.
  const down: string[] = []
  for (let i = 0; i < 6; i++) down.push(await send(`down${i}`, { model: 'anthropic/m' }))
  const circuit = await untilHeld(client, ({ cause }) => cause === 'circuit')
  assert.match(String(circuit.reason), /ECONNREFUSED/)
  const released = await client.request('completion:release', { provider: 'anthropic', reason: 'tried' })
  assert.equal(released.status, 'released')
  for (const request_id of down) await client.request('completion:cancel', { request_id }).catch(() => {})
})
