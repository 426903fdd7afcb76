import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { callsOf, noteCalls } from '../testing/calls.ts'
import { Ksi } from '../testing/ksi.ts'
import { workOver } from '../testing/over-acts.ts'
import { childrenOf, signal } from '../testing/processes.ts'
import { makeProject } from '../testing/project.ts'
import { outcomesOf, sendWork, untilAllDone } from '../testing/work.ts'

const longMs = Number(process.env.KSI_SOAK_RUN_MS ?? 3_000)

/** The runner host that this ksi has started. */
function hostOf(ksi: Ksi): number {
  const host = childrenOf(ksi.process.pid ?? 0).find(({ command }) => command.includes('runner/host'))
  assert.ok(host, 'there is a runner host')
  return host.pid
}

async function untilGone(pid: number, limitMs = 8_000): Promise<number> {
  const began = performance.now()
  for (; signal(pid, 0 as unknown as NodeJS.Signals); await delay(20))
    assert.ok(performance.now() - began < limitMs, `${pid} is still there after ${limitMs} ms`)
  return performance.now() - began
}

test('a restart and a kill -9 of the supervisor cost nothing that runs or waits', async (t) => {
  using project = makeProject()
  noteCalls(project)
  let ksi = await Ksi.start(project)
  await using _end = { [Symbol.asyncDispose]: () => ksi[Symbol.asyncDispose]() }
  const stage = { client: () => ksi.client(), calls: async () => callsOf(project) }
  const host = hostOf(ksi)
  const acts: [string, () => Promise<unknown>][] = [
    ['restart', () => ksi.restartsSoon()],
    ['kill -9', () => Promise.resolve(ksi.process.kill('SIGKILL'))],
  ]
  for (const [name, end] of acts) {
    const silence = await workOver(
      stage,
      async () => {
        await end()
        await ksi.exited
        ksi = await Ksi.start(project)
      },
      { tag: name.replace(/\W+/g, ''), longMs },
    )
    t.diagnostic(`${name} and start: silent for ${silence} ms`)
  }
  const { runner_host, runners } = await ksi.status()
  assert.deepEqual([runner_host.state, runner_host.elsewhere, runners.length], ['up', false, 1])
  assert.ok(signal(host, 0 as unknown as NodeJS.Signals), 'it is still the first host')

  // One that was found is as well watched as one that was started.
  using client = await ksi.client()
  await client.request('monitor:subscribe', { event_patterns: ['*'] })
  const work = { conversations: 2, perConversation: 2, latencyMs: 800 }
  const plain = await sendWork(client, { ...work, tag: 'told' })
  const again = await sendWork(client, { ...work, tag: 'again', extra: { on_restart: 'requeue' } })
  await client.until((c) => c.pushes.filter((push) => push.data.status === 'calling_provider').length === 4)
  signal(host, 'SIGKILL')
  await untilAllDone(client, new Map([...plain, ...again]))
  const lost = outcomesOf(client).filter(({ event }) => event === 'completion:failed')
  assert.deepEqual(lost.map(({ request_id, data }) => `${request_id} ${String(data.reason)}`).sort(), [
    'told0-0 daemon_restart',
    'told1-0 daemon_restart',
  ])

  // And ends with the rest.
  const next = hostOf(ksi)
  await ksi.stop()
  assert.ok((await untilGone(next)) < 500, 'no host is left behind')
})

test('what was saved while nobody watched is used by the next supervisor, and so are its settings', async () => {
  using project = makeProject({ changesReplies: true })
  let ksi = await Ksi.start(project)
  await using _end = { [Symbol.asyncDispose]: () => ksi[Symbol.asyncDispose]() }
  const host = hostOf(ksi)
  const again = async (env: NodeJS.ProcessEnv = {}): Promise<void> => {
    await ksi.restartsSoon()
    ksi = await Ksi.start(project, env)
  }
  const first = await ksi.runnerPid()
  await again()
  const answer = async (): Promise<string> => {
    using client = await ksi.client()
    const { request_id } = await client.request('completion:async', { prompt: 'x' })
    return JSON.stringify(await client.request('completion:wait', { request_id }))
  }
  assert.ok(signal(first, 0 as unknown as NodeJS.Signals), 'nothing was changed: the same runner takes the work')
  await answer()

  await ksi.restartsSoon()
  project.edit('src/runner/providers/echo.ts', (text) =>
    text.replace('metadata = {', "metadata = { saved: 'while away',"),
  )
  ksi = await Ksi.start(project)
  await ksi.untilStatus(({ runners }) => runners.length === 1 && runners[0]?.accepting === true)
  await untilGone(first)
  assert.match(await answer(), /while away/)

  const [talkative] = (await ksi.status()).runners
  await again({ KSI_LOG_LEVEL: 'info' })
  await ksi.untilStatus(({ runners }) => runners.length === 1 && runners[0]?.id !== talkative?.id)
  await answer()
  assert.deepEqual([...(await ksi.runsByRequest())], [], 'at the level "info" runners tell nothing of each run')
  assert.ok(signal(host, 0 as unknown as NodeJS.Signals), 'all that in one host')

  // Its own code it cannot change: it is named while something runs, and else makes room for the next host.
  await ksi.restartsSoon()
  project.edit('src/runner/host/linger.ts', (text) => `${text}\n// changed\n`)
  ksi = await Ksi.start(project)
  await untilGone(host)
  const { waiting_for_restart } = await ksi.untilStatus(({ runners }) => runners.some(({ accepting }) => accepting))
  assert.deepEqual(waiting_for_restart, [])
  const next = hostOf(ksi)
  using client = await ksi.client()
  await client.request('monitor:subscribe', { event_patterns: ['completion:*'] })
  const sent = await sendWork(client, { conversations: 1, perConversation: 1, latencyMs: 4_000 })
  await client.until((c) => c.pushes.some((push) => push.data.status === 'calling_provider'))
  const since = Number((await client.request('monitor:subscribe', { event_patterns: ['none'] })).last_seq)
  await ksi.restartsSoon()
  project.edit('src/runner/host/linger.ts', (text) => `${text}\n// changed again\n`)
  ksi = await Ksi.start(project)
  const named = await ksi.untilStatus((status) => status.waiting_for_restart.length > 0)
  assert.deepEqual(named.waiting_for_restart, ['src/runner/host/linger.ts'])
  using late = await ksi.client()
  await late.request('monitor:subscribe', { event_patterns: ['completion:*'], since })
  await untilAllDone(late, sent)
  assert.equal(outcomesOf(late)[0]?.state, 'completed')
  assert.ok(signal(next, 0 as unknown as NodeJS.Signals))
})

test('a host to which nobody comes back ends by itself; one that belongs to another journal is ended', async () => {
  using project = makeProject()
  let host: number
  {
    await using ksi = await Ksi.start(project, { KSI_RUNNER_LINGER_MS: '1500' })
    host = hostOf(ksi)
    ksi.process.kill('SIGKILL')
    await ksi.exited
  }
  const lingered = await untilGone(host)
  assert.ok(lingered > 1_000 && lingered < 4_000, `${lingered} ms`)
  {
    await using ksi = await Ksi.start(project, { KSI_RUNNER_LINGER_MS: '20000' })
    host = hostOf(ksi)
    ksi.process.kill('SIGKILL')
    await ksi.exited
  }
  await using other = await Ksi.start(project, { KSI_MODE: 'production' })
  await untilGone(host)
  assert.equal((await other.status()).problem, null)
})

test('a host of a version that cannot be talked to is named, with what is to be updated; requests wait', async () => {
  using project = makeProject()
  const speak = (text: string): string =>
    text.replace(
      'hostProtocol: Protocol = { protocol: 1, oldest: 1 }',
      'hostProtocol: Protocol = { protocol: 2, oldest: 2 }',
    )
  let ksi = await Ksi.start(project)
  await using _end = { [Symbol.asyncDispose]: () => ksi[Symbol.asyncDispose]() }
  await ksi.restartsSoon()
  project.edit('src/contracts/protocol.ts', speak)
  ksi = Ksi.launch(project)
  const { problem } = await ksi.untilStatus(
    (status) => status.phase === 'live' && status.problem?.includes('speaks') === true,
  )
  assert.match(
    String(problem),
    /runner host speaks version 1 and the daemon version 2, so requests wait: update the runner/,
  )
  using client = await ksi.client()
  const { request_id } = await client.request('completion:async', { prompt: 'x' })
  assert.equal((await client.request('completion:status', { request_id })).status, 'queued')
})

test('Ctrl-C, once or twice and at any moment, leaves no process behind', async () => {
  using project = makeProject()
  /** All that were started from this project, whoever their parent is by now. */
  const ours = (): string[] =>
    execFileSync('ps', ['-Ao', 'pid=,args='], { encoding: 'utf8' })
      .split('\n')
      .filter((line) => line.includes(`${project.root}/src`))
  // As a terminal does it: a signal to every process of a group that npm run dev began.
  const by = { command: 'setsid', args: [process.execPath, project.path('src/cli/ksi.js'), 'dev'] }
  // So long a host that is left behind would be seen.
  const env = { KSI_RUNNER_LINGER_MS: '30000' }
  const moments: [string, (ksi: Ksi) => Promise<unknown>, times: number][] = [
    ['while it starts', () => delay(400), 1],
    ['while something runs', (ksi) => sendLong(ksi), 1],
    ['twice', (ksi) => sendLong(ksi), 2],
    ['while the runner host comes back', async (ksi) => signal(hostOf(ksi), 'SIGKILL'), 1],
  ]
  for (const [name, reached, times] of moments) {
    const starts = name === 'while it starts'
    const ksi = starts ? Ksi.launch(project, env, by) : await Ksi.start(project, env, by)
    await reached(ksi)
    for (let n = 0; n < times; n++) {
      // The second may find nobody any more.
      assert.ok(signal(-(ksi.process.pid ?? 0), 'SIGINT') || n > 0, name)
      await delay(50)
    }
    await ksi.exited
    const began = performance.now()
    while (ours().length > 0 && performance.now() - began < 5_000) await delay(50)
    assert.deepEqual(ours(), [], name)
  }
})

/** Resolves when it runs. */
async function sendLong(ksi: Ksi): Promise<void> {
  using client = await ksi.client()
  await client.request('monitor:subscribe', { event_patterns: ['completion:*'] })
  await sendWork(client, { conversations: 1, perConversation: 1, latencyMs: 60_000, tag: `long${Date.now()}` })
  await client.until((c) => c.pushes.some((push) => push.data.status === 'calling_provider'))
}
