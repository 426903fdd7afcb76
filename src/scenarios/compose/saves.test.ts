import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Stack, skipWithoutEngine } from '../../testing/compose.ts'
import { assertAllDone, sendWork, untilAllDone } from '../../testing/work.ts'

describe('saving in the real stack', { skip: skipWithoutEngine() }, () => {
  let stack: Stack
  before(async () => {
    stack = await Stack.up()
  })
  after(() => stack[Symbol.asyncDispose]())

  const file = 'src/daemon/health.ts'

  test('200 requests, 20 saves while they run: 200 outcomes, in order, nothing twice, no connection cut', async () => {
    using client = await stack.client()
    await client.request('monitor:subscribe', { event_patterns: ['*'] })
    const sent = await sendWork(client, { conversations: 20, perConversation: 10, latencyMs: 400 })
    const { generation } = await stack.status()
    for (let save = 1; save <= 20; save++) {
      stack.project.edit(file, (text) => `${text}\n// save ${save}\n`)
      await stack.untilStatus((status) => (status.generation ?? 0) >= (generation ?? 0) + save)
    }
    await untilAllDone(client, sent, 60_000)
    assertAllDone(client, sent, await stack.runsByRequest())
    assert.equal((await stack.status()).crashes, 0)
  })

  for (const [name, breakage, words] of [
    ['a syntax error', 'const = 1', /Expected|Unexpected|SyntaxError/],
    ['an import that throws', "throw new Error('thrown at import')", /thrown at import/],
    ['process.exit() at the top level', 'process.exit(3)', /exit code 3/],
  ] as const) {
    test(`${name}: the code before serves on, /status names file and error, the repair takes over`, async () => {
      const { generation } = await stack.status()
      const whole = stack.project.read(file)
      stack.project.edit(file, (text) => `${text}\n${breakage}\n`)
      const broken = await stack.untilDocument((document) => document.daemon.facts?.last_failure != null)
      assert.equal(broken.status, 'warn')
      assert.deepEqual(broken.daemon.facts?.last_failure?.files, [file])
      assert.match(JSON.stringify(broken.daemon.facts?.last_failure?.error), words)
      assert.match(broken.summary, /health\.ts/)
      assert.equal((await stack.status()).generation, generation)
      stack.project.edit(file, () => `${whole}\n// repaired\n`)
      const mended = await stack.untilDocument((document) => document.status === 'pass')
      assert.ok((mended.generation ?? 0) > (generation ?? 0))
    })
  }

  test('kill -9 of the live generation: back within 1 s, everything finishes, nothing runs twice', async (t) => {
    using client = await stack.client()
    await client.request('monitor:subscribe', { event_patterns: ['completion:*'] })
    const sent = await sendWork(client, { conversations: 10, perConversation: 3, latencyMs: 300, tag: 'k' })
    const health = await client.request('system:health')
    const killed = performance.now()
    await stack.compose('exec', '--no-TTY', 'daemon', 'node', '-e', `process.kill(${Number(health.pid)}, 'SIGKILL')`)
    const began = performance.now()
    await stack.untilStatus((status) => status.phase === 'live' && (status.generation ?? 0) > Number(health.generation))
    t.diagnostic(
      `kill -9 → live again: at most ${Math.round(performance.now() - began)} ms after the kill command's ` +
        `return, ${Math.round(performance.now() - killed)} with the command`,
    )
    assert.ok(performance.now() - began < 1_000)
    await untilAllDone(client, sent)
    assertAllDone(client, sent, await stack.runsByRequest())
  })

  test('save → the first new request is answered by the new code, with 1,000 queued', async (t) => {
    using client = await stack.client()
    await sendWork(client, { conversations: 20, perConversation: 50, latencyMs: 20_000, tag: 'q' })
    const times: number[] = []
    for (let save = 0; save < 20; save++) {
      const { generation } = await client.request('system:health')
      stack.project.edit(file, (text) => `${text}\n// timed ${save}\n`)
      const saved = performance.now()
      for (;;) {
        const now = await client.request('system:health')
        if (Number(now.generation) > Number(generation)) break
      }
      times.push(performance.now() - saved)
      await new Promise((resolve) => setTimeout(resolve, 400))
    }
    times.sort((a, b) => a - b)
    const median = times[times.length / 2] ?? 0
    t.diagnostic(
      `save → new code answers, 1,000 queued, in Docker: median ${Math.round(median)} ms, ` +
        `slowest ${Math.round(times.at(-1) ?? 0)} ms of ${times.length}`,
    )
    assert.ok(median < 500, 'within a wide bound: the number is printed above')
  })
})
