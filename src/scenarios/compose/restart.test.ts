import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { connect } from '../../client/client.ts'
import type { KsiClient } from '../../client/client.ts'
import { Stack, skipWithoutEngine } from '../../testing/compose.ts'

describe('a program that uses the client library', { skip: skipWithoutEngine() }, () => {
  let stack: Stack
  before(async () => {
    stack = await Stack.up()
  })
  after(() => stack[Symbol.asyncDispose]())

  const ways: [string, string, (stack: Stack) => Promise<unknown>][] = [
    ['docker compose restart daemon', 'restart', (s) => s.compose('restart', 'daemon')],
    [
      'docker compose up --force-recreate',
      'recreate',
      (s) => s.compose('up', '--detach', '--wait', '--force-recreate'),
    ],
  ]
  for (const [name, tag, restart] of ways) {
    test(`sees no error across ${name}, and its subscription misses and doubles nothing`, async (t) => {
      await using client = await connect({ address: `tcp://127.0.0.1:${stack.port}` })
      const follower = follow(client)
      await follower.ready
      const program = runProgram(client, tag)
      await program.until(5)
      const had = program.done
      const { started_at } = await stack.status()
      await restart(stack)
      await stack.untilStatus((status) => status.phase === 'live' && status.started_at > started_at)
      await program.until(program.done + 5)
      await program.stop()
      const { last_seq } = await client.request('monitor:subscribe', { event_patterns: ['none'] })
      await follower.until(last_seq)
      t.diagnostic(
        `${program.done} completions, ${had} of them before; ${follower.seqs.length} events; ` +
          `the longest took ${Math.round(program.longestMs)} ms`,
      )
      const [first = 0] = follower.seqs
      assert.deepEqual(
        follower.seqs,
        follower.seqs.map((_, i) => first + i),
        'each event once, in order, without a hole',
      )
      assert.equal(follower.outcomes.size, program.done)
      for (const [id, told] of follower.outcomes) assert.deepEqual(told, ['completion:result'], id)
    })
  }
})

/** Four loops that do nothing but complete; an error of the client's ends them, and `stop` throws it. */
function runProgram(
  client: KsiClient,
  tag: string,
): { done: number; longestMs: number; until(count: number): Promise<void>; stop(): Promise<void> } {
  const stopping = new AbortController()
  let onDone = (): void => {}
  const program = {
    done: 0,
    longestMs: 0,
    async until(count: number): Promise<void> {
      while (program.done < count)
        await Promise.race([
          loops,
          new Promise<void>((resolve) => {
            onDone = resolve
          }),
        ])
    },
    async stop(): Promise<void> {
      stopping.abort()
      await loops
    },
  }
  const loop = async (number: number): Promise<void> => {
    for (let i = 0; !stopping.signal.aborted; i++) {
      const begun = performance.now()
      const prompt = `${tag} ${number} ${i}`
      // What runs when the container goes is lost with it, unless the program asks for it to be run again.
      const outcome = await client.complete({
        prompt,
        session_id: `${tag}-${number}`,
        on_restart: 'requeue',
        extra_body: { echo: { latency_ms: 100 } },
      })
      assert.equal(outcome.status, 'completed', JSON.stringify(outcome))
      assert.equal(outcome.result?.response.result, prompt)
      program.longestMs = Math.max(program.longestMs, performance.now() - begun)
      program.done += 1
      onDone()
    }
  }
  const loops = Promise.all([0, 1, 2, 3].map(loop)).then(() => undefined)
  // Whoever waits hears of it.
  loops.catch(() => {})
  return program
}

/** A subscription that notes what it is told. */
function follow(client: KsiClient): {
  ready: Promise<void>
  seqs: number[]
  outcomes: Map<string, string[]>
  until(seq: number): Promise<void>
} {
  const subscription = client.subscribe()
  const seqs: number[] = []
  const outcomes = new Map<string, string[]>()
  let onPush = (): void => {}
  const reading = (async (): Promise<void> => {
    for await (const { event, seq, data } of subscription) {
      // The front's own words have no place in the journal.
      if (!Number.isInteger(seq)) continue
      seqs.push(seq)
      const id = String(data.request_id)
      if (/^completion:(result|failed|error|cancelled)$/.test(event))
        outcomes.set(id, [...(outcomes.get(id) ?? []), event])
      onPush()
    }
  })()
  reading.catch(() => {})
  return {
    ready: subscription.ready,
    seqs,
    outcomes,
    async until(seq) {
      while ((seqs.at(-1) ?? 0) < seq)
        await Promise.race([
          reading,
          new Promise<void>((resolve) => {
            onPush = resolve
          }),
        ])
    },
  }
}
