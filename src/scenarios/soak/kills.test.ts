import assert from 'node:assert/strict'
import { test } from 'node:test'
import { median, quantile } from '../../lib/statistics.ts'
import { Killer, addCrashEvent } from '../../testing/killer.ts'
import type { Kill, Way } from '../../testing/killer.ts'
import { Ksi } from '../../testing/ksi.ts'
import { Load } from '../../testing/load.ts'
import { assertClean } from '../../testing/load-report.ts'
import { Mischief } from '../../testing/mischief.ts'
import { memoryOf } from '../../testing/processes.ts'
import { makeProject } from '../../testing/project.ts'
import { randomFrom } from '../../lib/random.ts'
import { chooseSeed } from '../../testing/random.ts'

const count = Number(process.env.KSI_SOAK_KILLS ?? 1_000)
/** Shares of the ways that are not a plain SIGKILL. */
const ways: [Way, number][] = [
  ['kill again', 0.02],
  ['throw', 0.01],
  ['exit', 0.005],
  ['abort', 0.005],
  ['out of memory', 0.004],
  ['hang', 0.006],
]

test(`${count} ends of the live generation under load: one outcome each, in order, nothing twice`, async (t) => {
  const seed = chooseSeed()
  t.diagnostic(`KSI_SEED=${seed}`)
  const random = randomFrom(seed)
  using project = makeProject()
  addCrashEvent(project)
  const began = performance.now()
  // A small heap, so that running out of it takes no time.
  await using ksi = await Ksi.start(project, { KSI_HEARTBEAT_MS: '1000', NODE_OPTIONS: '--max-old-space-size=192' })
  using load = await Load.start({ address: ksi.socket, seed, senders: 20, subscribers: 5, restMs: 500, probeMs: 10 })
  using killer = await Killer.create(ksi, load, random)
  const mischief = new Mischief(ksi, project, random)
  const kills: Kill[] = []
  const slowest: number[] = []
  for (let i = 0; i < count; i++) {
    await mischief.maybe()
    kills.push(await killer.kill(choose(random()), 100))
    slowest.push(load.takeSlowest())
  }
  const memory = memoryOf(ksi.process.pid ?? 0)
  const { crashes } = await ksi.status()
  const report = await load.finish()
  const startedMs = (way: Way): number[] => kills.filter((kill) => kill.way === way).map((kill) => kill.startedMs)
  for (const way of ['kill', ...ways.map(([name]) => name)] as Way[]) {
    const times = startedMs(way)
    t.diagnostic(
      `${way} × ${times.length} → next request starts: median ${round(median(times))}, ` +
        `p99 ${round(quantile(times, 0.99))}, slowest ${round(quantile(times, 1))} ms`,
    )
  }
  t.diagnostic(mischief.told)
  t.diagnostic(
    `slowest reply, median of ${count}: ${round(median(slowest))} ms; ` +
      `supervisor ${JSON.stringify(memory)} MB; ${crashes} crashes; ${round((performance.now() - began) / 1_000)} s`,
  )
  t.diagnostic(JSON.stringify(report))
  // What a runner that hung was running, at most as many as run at once, is told as lost, once.
  const restarted = (mischief.done.get('runner hangs') ?? 0) * 64
  assertClean(report, { quarantined: Math.ceil(count / 100), restarted })
  assert.deepEqual(load.checkRuns(await ksi.runEnds()), [])
  assert.ok(median(startedMs('kill')) < 1_000, 'a wide bound: the number is printed above')
  if (memory !== undefined) assert.ok(memory.highest < 400, `the supervisor took ${memory.highest} MB`)
})

function choose(random: number): Way {
  let left = random
  for (const [way, share] of ways) {
    left -= share
    if (left < 0) return way
  }
  return 'kill'
}

function round(ms: number): number {
  return Math.round(ms)
}
