import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { AuditedWork } from '../../testing/kill-points/audited-work.ts'
import { KillPoints } from '../../testing/kill-points/kill-points.ts'
import { Ksi } from '../../testing/ksi.ts'
import { signal } from '../../testing/processes.ts'
import { makeProject } from '../../testing/project.ts'
import { chooseSeed, randomFrom, shuffled } from '../../testing/random.ts'

const pairs = Number(process.env.KSI_SOAK_PAIRS ?? 200)
/** What a death of a runner, or of the one that keeps it, may do to what runs; and two deaths of a generation. */
const withRunner = ['daemon_restart', 'poison']

test('every process killed at every point, generations twice in a row: nothing comes of it that may not', async (t) => {
  const seed = chooseSeed()
  t.diagnostic(`KSI_SEED=${seed}`)
  const random = randomFrom(seed)
  using project = makeProject()
  const points = new KillPoints(project)
  let ksi = await Ksi.start(project, points.env)
  const work = await AuditedWork.begin(project, ksi)
  const killLive = async (): Promise<unknown> => signal(await ksi.livePid(), 'SIGKILL')
  try {
    const all = await points.record(async () => {
      await work.round()
      await killLive()
      await work.round()
    })
    await work.audit([])
    const ofDaemon = all.filter((point) => point.startsWith('daemon/'))
    const firsts = shuffled(ofDaemon, random)
    const seconds = shuffled(ofDaemon, random)
    const twice = Array.from({ length: pairs }, (_, i) => [
      firsts[i % firsts.length],
      seconds[(i * 7) % seconds.length],
    ])
    const series = [...all.map((point) => [point]), ...twice]
    const counts = { killed: 0, half: 0, passed: 0, restarts: 0 }
    for (const armed of series as string[][]) {
      points.arm(armed)
      await work.round()
      // A process that nobody waits for may be killed a little later.
      await points.untilReached(200)
      const left = points.disarm().length
      await delay(20)
      if (work.cut) {
        counts.restarts += 1
        await ksi.exited
        ksi = await Ksi.start(project, points.env)
        await work.goOn(ksi)
      }
      if (left === 0) counts.killed += 1
      else if (left < armed.length) counts.half += 1
      else counts.passed += 1
      await work.audit(armed.length === 2 || !armed[0]?.startsWith('daemon/') ? withRunner : [])
    }
    tell(t, all, counts)
    assert.ok(counts.killed > all.length / 2)
  } finally {
    work.close()
    await ksi[Symbol.asyncDispose]()
  }
})

function tell(t: TestContext, all: string[], counts: Record<string, number>): void {
  const byProcess = Map.groupBy(all, (point) => point.split(':')[0])
  t.diagnostic([...byProcess].map(([name, found]) => `${name}: ${found.length} points`).join(', '))
  t.diagnostic(JSON.stringify(counts))
}
