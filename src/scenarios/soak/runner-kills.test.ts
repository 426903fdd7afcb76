import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { median, quantile } from '../../lib/statistics.ts'
import { Ksi } from '../../testing/ksi.ts'
import { Load } from '../../testing/load.ts'
import { assertClean } from '../../testing/load-report.ts'
import { childrenOf, signal } from '../../testing/processes.ts'
import { makeProject } from '../../testing/project.ts'
import { randomFrom } from '../../lib/random.ts'
import { chooseSeed } from '../../testing/random.ts'

const count = Number(process.env.KSI_SOAK_RUNNER_KILLS ?? 50)

for (const [what, extra] of [
  ['ends once as daemon_restart', {}],
  ['runs again and completes, where asked', { on_restart: 'requeue' }],
] as const) {
  test(`the runner killed ${count} times under load: what it ran ${what}; the rest goes on in order`, async (t) => {
    const seed = chooseSeed()
    t.diagnostic(`KSI_SEED=${seed}`)
    const random = randomFrom(seed)
    using project = makeProject()
    await using ksi = await Ksi.start(project)
    using load = await Load.start({
      address: ksi.socket,
      seed,
      senders: 20,
      subscribers: 3,
      restMs: 500,
      probeMs: 10,
      extra,
    })
    const backMs: number[] = []
    for (let i = 0; i < count; i++) {
      await delay(350 * random())
      const pid = await ksi.runnerPid()
      const { runners: before } = await ksi.status()
      const killed = performance.now()
      signal(pid, 'SIGKILL')
      await ksi.untilStatus(({ runners }) =>
        runners.some(({ accepting, id }) => accepting && !before.some((old) => old.id === id)),
      )
      backMs.push(performance.now() - killed)
    }
    const report = await load.finish()
    t.diagnostic(
      `kill → the next runner takes work: median ${Math.round(median(backMs))}, ` +
        `p99 ${Math.round(quantile(backMs, 0.99))} ms; ${JSON.stringify(report)}`,
    )
    assertClean(report, { restarted: 'on_restart' in extra ? 0 : report.requests / 4 })
    if (!('on_restart' in extra))
      assert.ok((report.failures.daemon_restart ?? 0) > 0, 'some were running when the runner was killed')
    assert.deepEqual(load.checkRuns(await ksi.runEnds()), [])
    assert.equal((await ksi.status()).crashes, 0)
  })
}

const rounds = Number(process.env.KSI_SOAK_TOTAL_KILLS ?? 20)

test(`everything killed at once ${rounds} times: what was acknowledged ends once, nobody is left`, async (t) => {
  const seed = chooseSeed()
  t.diagnostic(`KSI_SEED=${seed}`)
  const random = randomFrom(seed)
  using project = makeProject()
  let load: Load | undefined
  const backMs: number[] = []
  for (let round = 0; round < rounds; round++) {
    const began = performance.now()
    await using ksi = await Ksi.start(project)
    backMs.push(performance.now() - began)
    const before = load
    // Its subscriber takes up where the one of the round before was cut, so that one audit sees every event.
    load = await Load.start({
      address: ksi.socket,
      seed: seed + round,
      senders: 10,
      subscribers: 1,
      restMs: 200,
      probeMs: 50,
      tag: `r${round}-`,
      extra: round % 2 === 0 ? {} : { on_restart: 'requeue' },
      ...(before && { after: before }),
    })
    await delay(200 + 500 * random())
    const main = ksi.process.pid ?? 0
    const all = [main, ...childrenOf(main).map(({ pid }) => pid)]
    load.abandon()
    for (const pid of all) signal(pid, 'SIGKILL')
    await ksi.exited
    load[Symbol.dispose]()
    for (
      const limit = performance.now() + 5_000;
      all.some((pid) => signal(pid, 'SIGCONT')) && performance.now() < limit;
    )
      await delay(10)
    assert.deepEqual(
      all.filter((pid) => signal(pid, 'SIGCONT')),
      [],
      'nobody is left behind',
    )
  }
  await using ksi = await Ksi.start(project)
  assert.ok(load)
  using last = await Load.start({
    address: ksi.socket,
    seed,
    senders: 1,
    subscribers: 1,
    restMs: 200,
    probeMs: 50,
    tag: 'last-',
    after: load,
  })
  const report = await last.finish()
  t.diagnostic(`start → live: median ${Math.round(median(backMs))} ms; ${JSON.stringify(report)}`)
  assertClean(report, { restarted: report.requests / 2, quarantined: 2 })
})
