import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { Ksi } from '../testing/ksi.ts'
import { Load } from '../testing/load.ts'
import { assertClean } from '../testing/load-report.ts'
import { health, saveNumber, untilSave } from '../testing/numbered-saves.ts'
import { signal } from '../testing/processes.ts'
import { makeProject } from '../testing/project.ts'
import { chooseSeed, randomFrom } from '../testing/random.ts'
import { Stopper } from '../testing/stopper.ts'

/** The soak: `KSI_SOAK_STOPS=500`. */
const count = Number(process.env['KSI_SOAK_STOPS'] ?? 12)
const heartbeatMs = 1_000

test(`${count} processes stopped at random, under load and over saves: all once and in order`, async (t) => {
  const seed = chooseSeed()
  t.diagnostic(`KSI_SEED=${seed}`)
  const random = randomFrom(seed)
  using project = makeProject()
  await using ksi = await Ksi.start(project, { KSI_HEARTBEAT_MS: String(heartbeatMs) })
  using load = await Load.start({ address: ksi.socket, seed, senders: 6, subscribers: 3, restMs: 200, probeMs: 50 })
  const stopper = new Stopper(ksi, random, heartbeatMs)
  for (let i = 0; i < count; i++) {
    if (i % 4 === 0) project.edit(health, (text) => `${text}// ${i}\n`)
    await delay(random() * 200)
    await stopper.stopOne()
  }
  const { failed_swaps, last_failure, poison } = await ksi.untilStatus(({ phase }) => phase === 'live')
  const report = await load.finish()
  t.diagnostic(`${stopper.told}; ${JSON.stringify(report)}`)
  assert.deepEqual([failed_swaps, last_failure, poison], [0, null, []], 'no code and no line is blamed')
  assertClean(report)
  assert.deepEqual(load.checkRuns(await ksi.runEnds()), [])
})

test('a save while the runner is stopped keeps nobody waiting for the runner', async () => {
  using project = makeProject({ changesReplies: true })
  await using ksi = await Ksi.start(project, { KSI_HEARTBEAT_MS: '10000' })
  using client = await ksi.client()
  const runner = await ksi.runnerPid()
  let slowest = 0
  signal(runner, 'SIGSTOP')
  saveNumber(project, 1)
  const isLive = (): boolean => ksi.log.some(({ msg }) => String(msg).startsWith('generation 2 is live'))
  while (!isLive()) {
    const begun = performance.now()
    // Health is answered meanwhile by the front itself.
    await client.request('dev:losses')
    slowest = Math.max(slowest, performance.now() - begun)
  }
  await untilSave(ksi, 1)
  assert.ok(slowest < 400, `a reply took ${Math.round(slowest)} ms`)
  signal(runner, 'SIGCONT')
  const { request_id } = await client.request('completion:async', { prompt: 'x' })
  assert.equal((await client.request('completion:wait', { request_id: String(request_id) })).status, 'completed')
})
