import assert from 'node:assert/strict'
import { test } from 'node:test'
import { median } from '../bench/statistics.ts'
import { Killer, addCrashEvent } from './harness/killer.ts'
import type { Kill, Way } from './harness/killer.ts'
import { Ksi } from './harness/ksi.ts'
import { Load } from './harness/load.ts'
import { makeProject } from './harness/project.ts'
import { chooseSeed, randomFrom } from './harness/random.ts'

test('the live generation killed 20 times at random moments under load: one outcome each, in order, nothing run twice or told twice', async (t) => {
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
    const way: Way = i === 0 ? 'throw' : i % 6 === 5 ? 'kill again' : 'kill'
    kills.push(await killer.kill(way, 80))
  }
  t.diagnostic(`killed after ${process.uptime()}`)
  const report = await load.finish(20_000)
  t.diagnostic(`${process.uptime()} ${kills.map((k) => Math.round(k.startedMs))}`)
  t.diagnostic(`kill → next request starts: median ${Math.round(median(kills.map(({ startedMs }) => startedMs)))} ms; ${JSON.stringify(report)}`)
  const { requests, failures, ...wrong } = report
  assert.ok(requests > 100, 'there was load')
  // Twice dead with the same request in hand is what quarantine is made for, also when the test was the cause.
  assert.ok((failures.poison ?? 0) <= 2 && Object.keys(failures).every((reason) => reason === 'poison'), JSON.stringify(failures))
  assert.deepEqual({ refused: wrong.refused, cut: wrong.cut, lost: wrong.lost, doubled: wrong.doubled, missed: wrong.missed, problems: wrong.problems }, clean)
  assert.deepEqual(load.auditRuns(ksi.runEnds()), [])
})

const clean = { refused: 0, cut: 0, lost: 0, doubled: 0, missed: 0, problems: [] }
