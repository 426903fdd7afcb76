import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { EventHistory } from '../../history/event-history.ts'
import { median } from '../../lib/statistics.ts'
import { countCalls, noteCalls } from '../../testing/calls.ts'
import { Stack, skipWithoutEngine } from '../../testing/compose.ts'
import { workOver } from '../../testing/over-acts.ts'
import { randomFrom } from '../../lib/random.ts'
import { chooseSeed } from '../../testing/random.ts'

const randomActs = Number(process.env.KSI_SOAK_ACTS ?? 3)
/** How long what runs takes, in ms. */
const longMs = Number(process.env.KSI_SOAK_RUN_MS ?? 4_000)

describe('work over whatever is done to the containers', { skip: skipWithoutEngine() }, () => {
  let stack: Stack
  before(async () => {
    stack = await Stack.up({ KSI_DRAIN_MS: String(longMs + 6_000) }, noteCalls)
  })
  after(() => stack[Symbol.asyncDispose]())

  const stage = {
    client: () => stack.client(),
    calls: async () => countCalls(await stack.compose('exec', '--no-TTY', 'runner', 'cat', 'var/run/runner/calls.log')),
  }
  const touch = (file: string): void => stack.project.edit(file, (text) => `${text}\n// touched\n`)
  const acts: { name: string; tag: string; act: () => Promise<unknown>; replaces?: 'runner' }[] = [
    { name: 'up --force-recreate daemon', tag: 'recreate', act: () => up('--force-recreate', 'daemon') },
    {
      name: 'up --build daemon, whose layer has changed',
      tag: 'build',
      act: () => {
        touch('src/daemon/health.ts')
        return up('--build', 'daemon')
      },
    },
    { name: 'restart daemon', tag: 'restart', act: () => stack.compose('restart', 'daemon') },
    {
      name: 'kill -s KILL daemon, and up',
      tag: 'kill',
      act: async () => {
        await stack.compose('kill', '-s', 'KILL', 'daemon')
        await up()
      },
    },
    { name: 'stop daemon, and up', tag: 'stop', act: () => stack.compose('stop', 'daemon').then(() => up()) },
    {
      name: 'up --build of a runner whose layer has changed',
      tag: 'runner',
      replaces: 'runner',
      act: () => {
        touch('src/runner/host/linger.ts')
        return up('--build', '--no-deps', 'runner')
      },
    },
    { name: 'stop of all, and up', tag: 'all', replaces: 'runner', act: () => stack.compose('stop').then(() => up()) },
  ]
  const up = (...args: string[]): Promise<string> => stack.compose('up', '--detach', ...args)
  const runnerSince = (): Promise<string> =>
    stack.docker('runner', 'inspect', '--format', '{{.Id}} {{.State.StartedAt}}')

  for (const { name, tag, act, replaces } of acts)
    test(`${name}: 0 lost, 0 called twice, in order, told to who was away`, async (t) => {
      const since = await runnerSince()
      const silence = await workOver(stage, act, { tag, longMs })
      t.diagnostic(`silent for ${silence} ms`)
      assert.equal((await runnerSince()) === since, replaces === undefined)
    })

  test(`${randomActs} of these at random: nothing is wrong with the history of it all`, async (t) => {
    const seed = chooseSeed()
    t.diagnostic(`KSI_SEED=${seed}`)
    const random = randomFrom(seed)
    const silences: number[] = []
    for (let n = 0; n < randomActs; n++) {
      const act = acts[Math.floor(random() * acts.length)]?.act ?? up
      const several = random() < 0.3
      const both = async (): Promise<void> => {
        await delay(random() * 500)
        await act()
        if (several) await stack.compose('kill', '-s', 'KILL', 'daemon').then(() => up())
      }
      silences.push(
        await workOver(stage, both, { tag: `n${n}x`, longMs: Math.round(500 + random() * longMs), waiting: 3 }),
      )
    }
    t.diagnostic(`silent for ${Math.round(median(silences))} ms, median, and ${Math.max(...silences)} at most`)
    const history = new EventHistory()
    using client = await stack.client()
    client.onPush = (push) => history.take(push)
    await client.request('monitor:subscribe', { event_patterns: ['completion:*'], since: 0 })
    await client.until(() => history.accepted > 0 && history.outcomes.size === history.accepted)
    t.diagnostic(`${history.accepted} requests, ${history.starts} calls`)
    assert.deepEqual([history.faults, history.failures()], [[], {}])
  })
})
