import assert from 'node:assert/strict'
import { test } from 'node:test'
import { median } from '../lib/statistics.ts'
import { Killer, addCrashEvent } from '../testing/killer.ts'
import type { Kill, Way } from '../testing/killer.ts'
import { Ksi } from '../testing/ksi.ts'
import { Load } from '../testing/load.ts'
import { assertClean } from '../testing/load-report.ts'
import { makeProject } from '../testing/project.ts'
import { randomFrom } from '../lib/random.ts'
import { chooseSeed } from '../testing/random.ts'

test('20 kills of the live generation under load: one outcome each, in order, nothing run or told twice', async (t) => {
  const seed = chooseSeed()
  t.diagnostic(`KSI_SEED=${seed}`)
  const random = randomFrom(seed)
  using project = makeProject()
  addCrashEvent(project)
  await using ksi = await Ksi.start(project)
  using load = await Load.start({ address: ksi.socket, seed, senders: 8, subscribers: 3, restMs: 250, probeMs: 20 })
  using killer = await Killer.create(ksi, load, random)
  const kills: Kill[] = []
  for (let i = 0; i < 20; i++) {
    const way: Way = i === 0 ? 'throw' : i % 9 === 8 ? 'kill again' : 'kill'
    kills.push(await killer.kill(way, 60))
  }
  const report = await load.finish(20_000)
  t.diagnostic(
    `kill → next request starts: median ${Math.round(median(kills.map(({ startedMs }) => startedMs)))} ms; ` +
      JSON.stringify(report),
  )
  assert.ok(report.requests > 100, 'there was load')
  assertClean(report, { quarantined: 2 })
  assert.deepEqual(load.checkRuns(await ksi.runEnds()), [])
})
