import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AuditedWork } from '../testing/kill-points/audited-work.ts'
import { KillPoints } from '../testing/kill-points/kill-points.ts'
import { Ksi } from '../testing/ksi.ts'
import { makeProject } from '../testing/project.ts'
import { chooseSeed, randomFrom, shuffled } from '../testing/random.ts'

/** In this time, in ms, as many points are gone through as can be; the soak goes through all. */
const budgetMs = 25_000

test('a generation killed before and after each thing it does: one outcome each, in order, told once', async (t) => {
  const seed = chooseSeed()
  const random = randomFrom(seed)
  using project = makeProject()
  const points = new KillPoints(project)
  await using ksi = await Ksi.start(project, points.env)
  const work = await AuditedWork.begin(project, ksi)
  const all = (await points.record(() => work.round())).filter((point) => point.startsWith('daemon/main'))
  await work.audit([])
  assert.ok(all.length > 40, `${all.length} points`)
  const begun = performance.now()
  let [tried, reached] = [0, 0]
  for (const point of shuffled(all, random)) {
    if (performance.now() - begun > budgetMs) break
    points.arm([point])
    await work.round()
    await work.audit([])
    tried += 1
    if (points.disarm().length === 0) reached += 1
  }
  t.diagnostic(`KSI_SEED=${seed}: ${all.length} points, ${tried} tried, ${reached} killed at`)
  assert.ok(reached > tried / 2)
  work.close()
})
