import { setTimeout as delay } from 'node:timers/promises'
import { FakeApi, openAiEvents } from '../testing/fake-api.ts'
import { Ksi } from '../testing/ksi.ts'
import { makeProject } from '../testing/project.ts'
import type { WireClient } from '../testing/wire-client.ts'
import { progress } from './table.ts'

/** Times in ms to the first piece of an answer. */
interface Times {
  /** from the question */
  whole: number[]
  /** from when the provider's far end has given it */
  given: number[]
}

export interface FirstToken {
  /** asking the provider's far end itself */
  direct: Times
  /** through ksi: accepted and on disk, run, streamed */
  through: Times
}

/** So long, in ms, the far end thinks before it begins. */
const thinkMs = 20
const warmUps = 10

/** Asks an HTTP provider in turn directly and through ksi. */
export async function measureFirstToken(count: number): Promise<FirstToken> {
  progress(`time to the first token: ${count} questions`)
  const events = openAiEvents('four words of answer')
  let given = Number.NaN
  await using api = await FakeApi.start(async (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    await delay(thinkMs)
    given = performance.now()
    response.end(events.join(''))
  })
  using project = makeProject()
  await using ksi = await Ksi.start(project, { KSI_LOG_LEVEL: 'warn', KSI_OPENAI_COMPATIBLE_URL: api.url })
  using client = await ksi.client()
  const figures: FirstToken = { direct: { whole: [], given: [] }, through: { whole: [], given: [] } }
  const note = (times: Times, began: number, first: number): void => {
    times.whole.push(first - began)
    times.given.push(first - given)
  }
  for (let n = -warmUps; n < count; n++) {
    const began = performance.now()
    const direct = await askDirectly(api.url)
    // The first few of either make connections and warm the code up.
    if (n >= 0) note(figures.direct, began, direct)
    const asked = performance.now()
    const through = await askThrough(client, `first-${n}`)
    if (n >= 0) note(figures.through, asked, through)
    await client.request('completion:wait', { request_id: `first-${n}` })
  }
  return figures
}

/** @returns when the first piece came */
async function askDirectly(url: string): Promise<number> {
  const body = JSON.stringify({ model: 'm', stream: true, messages: [{ role: 'user', content: 'x' }] })
  const { body: answer } = await fetch(`${url}/chat/completions`, { method: 'POST', body })
  let first = Number.NaN
  for await (const _piece of answer ?? []) if (Number.isNaN(first)) first = performance.now()
  return first
}

/** @returns when the first piece came */
async function askThrough(client: WireClient, request_id: string): Promise<number> {
  const first = Promise.withResolvers<number>()
  client.onPush = ({ event, data }) => {
    if (event === 'completion:delta' && data['kind'] === 'text') first.resolve(performance.now())
  }
  await Promise.all([
    client.request('completion:async', { request_id, prompt: 'x', model: 'openai-compatible/m' }),
    client.request('completion:stream', { request_id }),
  ])
  return first.promise
}
