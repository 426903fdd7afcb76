import { setTimeout as delay } from 'node:timers/promises'
import { FakeApi, openAiEvents } from '../testing/fake-api.ts'
import { Ksi } from '../testing/ksi.ts'
import { makeProject } from '../testing/project.ts'
import type { WireClient } from '../testing/wire-client.ts'
import { progress } from './table.ts'

export interface FirstToken {
  /** ms from the question to the first piece of the answer, asking the provider's far end itself */
  direct: number[]
  /** the same through ksi: accepted and on disk, run, streamed */
  through: number[]
}

/** So long, in ms, the far end thinks before it begins. */
const thinkMs = 20
const warmUps = 10

/** Asks an HTTP provider in turn directly and through ksi. */
export async function measureFirstToken(count: number): Promise<FirstToken> {
  progress(`time to the first token: ${count} questions`)
  const events = openAiEvents('four words of answer')
  await using api = await FakeApi.start(async (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    await delay(thinkMs)
    response.end(events.join(''))
  })
  using project = makeProject()
  await using ksi = await Ksi.start(project, { KSI_LOG_LEVEL: 'warn', KSI_OPENAI_COMPATIBLE_URL: api.url })
  using client = await ksi.client()
  // The first few of either make connections and warm the code up.
  for (let n = 0; n < warmUps; n++) await askBoth(api.url, client, `warm-${n}`)
  const figures: FirstToken = { direct: [], through: [] }
  for (let n = 0; n < count; n++) {
    const { direct, through } = await askBoth(api.url, client, `first-${n}`)
    figures.direct.push(direct)
    figures.through.push(through)
  }
  return figures
}

async function askBoth(url: string, client: WireClient, id: string): Promise<{ direct: number; through: number }> {
  return { direct: await askDirectly(url), through: await askThrough(client, id) }
}

async function askDirectly(url: string): Promise<number> {
  const began = performance.now()
  const body = JSON.stringify({ model: 'm', stream: true, messages: [{ role: 'user', content: 'x' }] })
  const { body: answer } = await fetch(`${url}/chat/completions`, { method: 'POST', body })
  let first = Number.NaN
  for await (const _piece of answer ?? []) if (Number.isNaN(first)) first = performance.now() - began
  return first
}

async function askThrough(client: WireClient, request_id: string): Promise<number> {
  const first = Promise.withResolvers<number>()
  const began = performance.now()
  client.onPush = ({ event, data }) => {
    if (event === 'completion:delta' && data['kind'] === 'text') first.resolve(performance.now() - began)
  }
  await Promise.all([
    client.request('completion:async', { request_id, prompt: 'x', model: 'openai-compatible/m' }),
    client.request('completion:stream', { request_id }),
  ])
  const took = await first.promise
  await client.request('completion:wait', { request_id })
  return took
}
