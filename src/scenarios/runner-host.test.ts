import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { openJournalReader } from '../store/reader.ts'
import { Ksi } from '../testing/ksi.ts'
import { childrenOf, signal } from '../testing/processes.ts'
import { makeProject } from '../testing/project.ts'
import { assertAllDone, outcomesOf, sendWork, untilAllDone } from '../testing/work.ts'

/** Whether a process is there and no zombie. */
function isRunning(pid: number): boolean {
  try {
    return !execFileSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' }).startsWith('Z')
  } catch {
    return false
  }
}

function hostPid(ksi: Ksi): number {
  const host = childrenOf(ksi.process.pid ?? 0).find(({ command }) => command.includes('runner/host'))
  assert.ok(host, 'there is a runner host')
  return host.pid
}

test('a killed runner host costs what ran in its runners, told once or run again as asked, and no more', async () => {
  using project = makeProject()
  await using ksi = await Ksi.start(project)
  using client = await ksi.client()
  await client.request('monitor:subscribe', { event_patterns: ['*'] })
  const work = { conversations: 3, perConversation: 2, latencyMs: 800 }
  const plain = await sendWork(client, { ...work, tag: 'fail' })
  const again = await sendWork(client, { ...work, tag: 'again', extra: { on_restart: 'requeue' } })
  await client.until((c) => c.pushes.filter((push) => push.data.status === 'calling_provider').length === 6)
  const old = await ksi.runnerPid()
  signal(hostPid(ksi), 'SIGKILL')
  await untilAllDone(client, new Map([...plain, ...again]))
  const lost = outcomesOf(client).filter(({ event }) => event === 'completion:failed')
  assert.deepEqual(
    lost.map(({ request_id }) => request_id).sort(),
    [...plain.values()].map(([first]) => first ?? '').sort(),
  )
  assert.ok(lost.every(({ data }) => data.reason === 'daemon_restart'))
  assert.equal(outcomesOf(client).length, 12)
  assert.ok(!isRunning(old), 'the old runner is gone')
  const status = await ksi.status()
  assert.deepEqual([status.crashes, status.generation, status.problem], [0, 1, null])
})

test('a runner host that is stopped is named; what runs goes on, and it is well again when it goes on', async () => {
  using project = makeProject()
  await using ksi = await Ksi.start(project, { KSI_HEARTBEAT_MS: '500' })
  using client = await ksi.client()
  await client.request('monitor:subscribe', { event_patterns: ['completion:*'] })
  const host = hostPid(ksi)
  signal(host, 'SIGSTOP')
  const sent = await sendWork(client, { conversations: 2, perConversation: 2, latencyMs: 100 })
  await untilAllDone(client, sent)
  await ksi.untilStatus(({ problem }) => problem?.includes('runner host gives no sign of life') === true)
  signal(host, 'SIGCONT')
  await ksi.untilStatus(({ problem }) => problem === null)
  assertAllDone(client, sent, await ksi.runsByRequest())
})

test('a runner host that cannot start takes nothing down: it is named, and requests wait', async () => {
  using project = makeProject()
  project.edit('src/runner/host.ts', (text) => `throw new Error('no host today')\n${text}`)
  await using ksi = Ksi.launch(project)
  const status = await ksi.untilStatus(({ phase, problem }) => phase === 'live' && problem !== null)
  assert.match(String(status.problem), /runner host went down \(exit code 1\), so requests wait/)
  using client = await ksi.client()
  const { request_id } = await client.request('completion:async', { prompt: 'x' })
  assert.equal((await client.request('completion:status', { request_id })).status, 'queued')
})

test('a runner that hangs is seen by its host and replaced', async () => {
  using project = makeProject()
  await using ksi = await Ksi.start(project, { KSI_HEARTBEAT_MS: '1000' })
  using client = await ksi.client()
  await client.request('monitor:subscribe', { event_patterns: ['completion:*'] })
  const sent = await sendWork(client, {
    conversations: 2,
    perConversation: 2,
    latencyMs: 300,
    extra: { on_restart: 'requeue' },
  })
  signal(await ksi.runnerPid(), 'SIGSTOP')
  await untilAllDone(client, sent)
  assert.ok(ksi.raw.some((line) => line.includes('the runner gave no sign of life for 1000 ms')))
})

test('a save of a file that all load stalls nothing: the last word of a runner reaches a generation', async (t) => {
  using project = makeProject()
  await using ksi = await Ksi.start(project)
  using client = await ksi.client()
  await client.request('monitor:subscribe', { event_patterns: ['*'] })
  const sent = await sendWork(client, { conversations: 4, perConversation: 12, latencyMs: 100 })
  for (let n = 1; n <= 8; n++) {
    project.edit('src/lib/time.ts', (text) => `${text}\n// ${n}\n`)
    await ksi.untilStatus(({ generation, runners }) => generation === n + 1 && runners.length === 1)
    // The old runner ends half a second after the save: by and by that falls into the next hand-over.
    await delay(20 * n)
  }
  const reader = openJournalReader(project.path('var/db/dev_checkpoint.db'))
  const restores = reader.facts({ boots: 8 }).boots.map(({ phases }) => Math.round(phases.restore ?? 0))
  reader.close()
  t.diagnostic(`restore: ${restores.join(', ')} ms`)
  assert.ok(
    restores.every((ms) => ms < 800),
    'no one waits out a runner that is gone',
  )
  await untilAllDone(client, sent)
  assertAllDone(client, sent, await ksi.runsByRequest())
})
