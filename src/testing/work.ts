import assert from 'node:assert/strict'
import { outcomesIn } from '../history/work.ts'
import type { ToldOutcome } from '../history/work.ts'
import type { Data, WireClient } from './wire-client.ts'

export type Sent = Map<string, string[]>

/** Sends `perConversation` requests to each of `conversations` sessions, one by one, round robin. */
export async function sendWork(
  client: WireClient,
  options: { conversations: number; perConversation: number; latencyMs: number; tag?: string; extra?: Data },
): Promise<Sent> {
  const { conversations, perConversation, latencyMs, tag = 'c', extra = {} } = options
  const sent: Sent = new Map()
  for (let i = 0; i < perConversation; i++) {
    for (let c = 0; c < conversations; c++) {
      const session = `${tag}${c}`
      const request_id = `${session}-${i}`
      const reply = await client.request('completion:async', {
        prompt: `say ${request_id}`,
        session_id: session,
        request_id,
        extra_body: { echo: { latency_ms: latencyMs } },
        ...extra,
      })
      assert.equal(reply.request_id, request_id)
      assert.equal(reply.error, undefined)
      sent.set(session, [...(sent.get(session) ?? []), request_id])
    }
  }
  return sent
}

/** The requests a client was told the outcome of, in order. */
export function outcomesOf(client: WireClient): ToldOutcome[] {
  return outcomesIn(client.pushes)
}

/** Waits until a subscriber was told as many outcomes as were sent. */
export async function untilAllDone(client: WireClient, sent: Sent, limitMs = 60_000): Promise<void> {
  const total = [...sent.values()].flat().length
  await client.until(() => client.cut || outcomesOf(client).length >= total, limitMs)
}

/**
 * Every request has exactly one outcome, each conversation in order, nothing run twice; events come once and in order.
 */
export function assertAllDone(client: WireClient, sent: Sent, runs: Map<string, number>): void {
  assert.equal(client.cut, false, 'the connection was cut')
  assert.equal(client.stray, 0, 'replies came that nobody asked for')
  const seqs = client.pushes.map((push) => push.seq)
  for (let i = 1; i < seqs.length; i++)
    assert.ok((seqs[i] ?? 0) > (seqs[i - 1] ?? 0), `event ${seqs[i]} came after ${seqs[i - 1]}`)
  const outcomes = outcomesOf(client)
  for (const [session, ids] of sent) {
    const mine = outcomes.filter(({ request_id }) => ids.includes(request_id))
    assert.deepEqual(
      mine.map(({ request_id }) => request_id),
      ids,
      `conversation ${session}: each request once, in order`,
    )
    for (const { request_id, event, data } of mine) {
      assert.equal(event, 'completion:result', `${request_id}: ${JSON.stringify(data)}`)
      assert.equal(runs.get(request_id), 1, `${request_id} was run ${runs.get(request_id)} times`)
    }
  }
}
