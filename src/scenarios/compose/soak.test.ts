import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { after, before, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { median, quantile } from '../../lib/statistics.ts'
import { LineDecoder, parseObject } from '../../lib/ndjson.ts'
import type { RunEnd } from '../../history/runs.ts'
import { Stack, skipWithoutEngine } from '../../testing/compose.ts'
import { Load } from '../../testing/load.ts'
import { assertClean } from '../../testing/load-report.ts'
import { parseMemory } from '../../testing/processes.ts'
import { randomFrom } from '../../lib/random.ts'
import { chooseSeed } from '../../testing/random.ts'

const saves = Number(process.env.KSI_SOAK_SAVES ?? 300)
const file = 'src/daemon/health.ts'
const liveLimitMs = 15_000

describe('many saves in the real stack', { skip: skipWithoutEngine() }, () => {
  let stack: Stack
  before(async () => {
    stack = await Stack.up()
  })
  after(() => stack[Symbol.asyncDispose]())

  test(`${saves} saves under load: nothing refused, cut, lost, doubled, missed, disordered, run twice`, async (t) => {
    const seed = chooseSeed()
    t.diagnostic(`KSI_SEED=${seed}`)
    const random = randomFrom(seed)
    using runs = followRuns((await stack.compose('ps', '--quiet', 'runner')).trim())
    const began = performance.now()
    using load = await Load.start({ address: stack.port, seed, senders: 20, subscribers: 5, restMs: 500, probeMs: 10 })
    const memoryAtFirst = await supervisorMemory(stack)
    const whole = stack.project.read(file)
    const liveMs: number[] = []
    const slowest: number[] = []
    for (let save = 0; save < saves; save++) {
      await delay(60 * random())
      load.takeSlowest()
      const live = nextLive(load)
      const saved = performance.now()
      stack.project.edit(file, () => `${whole}\n// save ${save}\n`)
      liveMs.push((await live) - saved)
      slowest.push(load.takeSlowest())
    }
    const tookS = (performance.now() - began) / 1_000
    const memory = await supervisorMemory(stack)
    const report = await load.finish()
    t.diagnostic(
      `${saves} saves, ${report.requests} requests, ${report.replies} replies, ` +
        `${report.probes} new connections in ${Math.round(tookS)} s`,
    )
    t.diagnostic(
      `refused ${report.refused}, cut ${report.cut}, lost ${report.lost}, doubled ${report.doubled}, ` +
        `missed ${report.missed}`,
    )
    t.diagnostic(
      `slowest reply of each save: median ${round(median(slowest))} ms, p99 ${round(quantile(slowest, 0.99))} ms`,
    )
    t.diagnostic(
      `save → live: median ${round(median(liveMs))} ms, p99 ${round(quantile(liveMs, 0.99))} ms, ` +
        `slowest ${round(quantile(liveMs, 1))} ms`,
    )
    t.diagnostic(`supervisor: ${JSON.stringify(memoryAtFirst)} → ${JSON.stringify(memory)} MB`)
    assertClean(report)
    await runs.until((ended) => ended.length >= report.requests / 2)
    assert.deepEqual(load.checkRuns(runs.ended), [])
    assert.equal((await stack.status()).crashes, 0)
    assert.ok(memory.highest < 400, `the supervisor took ${memory.highest} MB`)
  })
})

/** When the next generation tells that it is live. */
function nextLive(load: Load): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  const timer = setTimeout(() => reject(new Error(`no new generation within ${liveLimitMs} ms of a save`)), liveLimitMs)
  load.onEvent = ({ event, data }) => {
    if (event === 'system:reload_failed')
      reject(new Error(`the save did not go live: ${JSON.stringify(data).slice(0, 500)}`))
    if (event !== 'system:reloaded') return
    clearTimeout(timer)
    resolve(performance.now())
  }
  return promise
}

/** Follows a container's log, which is too much to be kept whole, for what the runner writes of each run. */
function followRuns(container: string): {
  ended: RunEnd[]
  until(test: (ended: RunEnd[]) => boolean): Promise<void>
  [Symbol.dispose](): void
} {
  const ended: RunEnd[] = []
  const logs = spawn('docker', ['logs', '--follow', container], { stdio: ['ignore', 'pipe', 'ignore'] })
  const decoder = new LineDecoder(1_048_576, (line) => {
    const entry = parseObject(line)
    if (entry?.msg === 'run ended') ended.push(entry as unknown as RunEnd)
  })
  logs.stdout.on('data', (chunk: Buffer) => decoder.push(chunk))
  return {
    ended,
    async until(done) {
      for (let tries = 0; tries < 100 && !done(ended); tries++) await delay(50)
      assert.ok(done(ended), `the log told of ${ended.length} runs only`)
    },
    [Symbol.dispose]: () => void logs.kill(),
  }
}

async function supervisorMemory(stack: Stack): Promise<{ now: number; highest: number }> {
  const { pid } = await stack.status()
  return parseMemory(await stack.compose('exec', '--no-TTY', 'daemon', 'cat', `/proc/${pid}/status`))
}

function round(ms: number): number {
  return Math.round(ms)
}
