import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { countWork } from '../history/work.ts'
import type { Sent } from './work.ts'
import { outcomesOf, untilAllDone } from './work.ts'
import type { WireClient } from './wire-client.ts'

/** A ksi that is stopped, killed and replaced while it works, and how to reach it. */
interface Stage {
  client(): Promise<WireClient>
  /** how often each request reached the provider's far end */
  calls(): Promise<ReadonlyMap<string, number>>
}

interface Acted {
  /** names the conversations */
  tag: string
  /** how long the first request of each conversation takes, in ms: it is to be running when the act begins */
  longMs: number
  conversations?: number
  /** requests that wait behind each of the first */
  waiting?: number
}

const shortMs = 20
const probeMs = 10

/**
 * Has work running and waiting, does something to ksi while the client is away, and sees that nothing is lost, called
 * twice or out of order, as it is told to the client that comes back.
 * @returns the longest time, in ms, in which nobody answered a new connection
 */
export async function workOver(stage: Stage, act: () => Promise<unknown>, options: Acted): Promise<number> {
  const { tag, longMs, conversations = 10, waiting = 10 } = options
  const sent: Sent = new Map()
  let since = 0
  {
    using client = await stage.client()
    since = Number((await client.request('monitor:subscribe', { event_patterns: ['completion:*'] })).last_seq)
    for (let i = 0; i <= waiting; i++)
      for (let c = 0; c < conversations; c++) {
        const session = `${tag}${c}`
        const request_id = `${session}-${i}`
        const extra_body = { echo: { latency_ms: i === 0 ? longMs : shortMs } }
        await client.request('completion:async', { prompt: request_id, session_id: session, request_id, extra_body })
        sent.set(session, [...(sent.get(session) ?? []), request_id])
      }
    await client.until(
      ({ pushes }) => pushes.filter(({ data }) => data.status === 'calling_provider').length >= conversations,
    )
  }
  await using watch = watchSilence(stage)
  await act()
  using client = await reached(stage)
  await client.request('monitor:subscribe', { event_patterns: ['completion:*'], since })
  await untilAllDone(client, sent, longMs + 60_000)
  const silence = await watch.stop()
  const calls = await stage.calls()
  const counts = countWork(client.pushes, sent, calls)
  const total = conversations * (waiting + 1)
  const expected = { sent: total, done: total, lost: 0, twice: 0, doubled: 0, disordered: 0 }
  assert.deepEqual(
    counts,
    expected,
    JSON.stringify(
      outcomesOf(client)
        .filter(({ state }) => state !== 'completed')
        .slice(0, 5),
    ),
  )
  for (const id of [...sent.values()].flat()) assert.equal(calls.get(id), 1, `${id} was called once`)
  return silence
}

async function reached(stage: Stage): Promise<WireClient> {
  for (const until = performance.now() + 60_000; ; await delay(20))
    try {
      const client = await stage.client()
      if ((await client.request('system:health')).status === 'healthy') return client
      client.close()
    } catch (error) {
      if (performance.now() > until) throw error
    }
}

/** Asks over and over, each time on a new connection, and notes the longest time without an answer. */
function watchSilence(stage: Stage): { stop(): Promise<number> } & AsyncDisposable {
  const state = { over: false, longest: 0 }
  let last = performance.now()
  const watching = (async (): Promise<void> => {
    for (; !state.over; await delay(probeMs)) {
      try {
        using client = await stage.client()
        await client.request('system:health')
        state.longest = Math.max(state.longest, performance.now() - last)
        last = performance.now()
      } catch {
        // It is away.
      }
    }
  })()
  const stop = async (): Promise<number> => {
    state.over = true
    await watching
    return Math.round(state.longest)
  }
  return {
    stop,
    async [Symbol.asyncDispose]() {
      await stop()
    },
  }
}
