import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { Ksi } from '../testing/ksi.ts'
import { atRegister, health, saveNumber, untilSave } from '../testing/numbered-saves.ts'
import { childrenOf, signal } from '../testing/processes.ts'
import { makeProject } from '../testing/project.ts'

async function untilPrinted(ksi: Ksi, text: string): Promise<void> {
  while (!ksi.raw.some((line) => line.includes(text))) await delay(2)
}

const slowBoot = "process.stderr.write('it boots slowly\\n')\nawait new Promise((resolve) => setTimeout(resolve, 600))"

test('a save while the first generation boots is taken over, so is one right after the first health', async () => {
  using project = makeProject({ changesReplies: true })
  saveNumber(project, 0, slowBoot)
  await using ksi = Ksi.launch(project)
  await untilPrinted(ksi, 'it boots slowly')
  saveNumber(project, 1)
  await untilSave(ksi, 1)
  saveNumber(project, 2)
  assert.ok((await untilSave(ksi, 2)) < 1_500, 'not only at the next look at all files')
})

test('a booting generation killed from outside is booted again, a stopped spare passed over, none blamed', async () => {
  using project = makeProject({ changesReplies: true })
  await using ksi = await Ksi.start(project)
  saveNumber(project, 1, slowBoot)
  await untilPrinted(ksi, 'it boots slowly')
  const live = await ksi.livePid()
  for (const { pid, command } of childrenOf(ksi.process.pid ?? 0))
    if (command.includes('daemon/main') && pid !== live) signal(pid, 'SIGKILL')
  await untilSave(ksi, 1)
  const status = await ksi.untilStatus(({ spare }) => spare)
  assert.deepEqual([status.failed_swaps, status.crashes, status.problem], [0, 0, null])
  const now = await ksi.livePid()
  for (const { pid, command } of childrenOf(ksi.process.pid ?? 0))
    if (command.includes('daemon/main') && pid !== now) signal(pid, 'SIGSTOP')
  saveNumber(project, 2)
  assert.ok((await untilSave(ksi, 2)) < 4_000)
  assert.equal((await ksi.status()).failed_swaps, 0)
})

test('everything stopped while a save boots: it is applied after waking, and nothing is blamed', async () => {
  using project = makeProject({ changesReplies: true })
  await using ksi = await Ksi.start(project, { KSI_BOOT_TIMEOUT_MS: '3000', KSI_HEARTBEAT_MS: '2000' })
  saveNumber(project, 1, slowBoot)
  await untilPrinted(ksi, 'it boots slowly')
  const pids = [ksi.process.pid ?? 0, ...childrenOf(ksi.process.pid ?? 0).map(({ pid }) => pid)]
  for (const pid of pids) signal(pid, 'SIGSTOP')
  await delay(4_000)
  for (const pid of pids.toReversed()) signal(pid, 'SIGCONT')
  await untilSave(ksi, 1)
  const status = await ksi.status()
  assert.deepEqual([status.failed_swaps, status.crashes, status.problem], [0, 0, null])
})

test('code that throws when it retires does not refuse its repair: that goes live, what threw is told', async () => {
  using project = makeProject({ changesReplies: true })
  await using ksi = await Ksi.start(project)
  using client = await ksi.client()
  await client.request('monitor:subscribe', { event_patterns: ['system:*'] })
  const file = 'src/daemon/checkpoint/checkpoint.ts'
  const whole = project.read(file)
  project.edit(file, (text) =>
    text.replace(/(export function takeCheckpoint\([^]*?\{\n)/, "$1  throw new Error('no checkpoint today')\n"),
  )
  await ksi.untilStatus(({ generation }) => generation === 2)
  project.edit(file, () => whole)
  const status = await ksi.untilStatus(({ generation, phase }) => generation === 3 && phase === 'live')
  assert.deepEqual([status.problem, status.last_failure, status.crashes], [null, null, 0])
  await client.until((c) => c.pushes.some(({ event }) => event === 'system:reload_failed'))
  const failure = client.pushes.find(({ event }) => event === 'system:reload_failed')?.data
  assert.deepEqual(failure?.files, [file])
  assert.match(JSON.stringify(failure?.error), /no checkpoint today/)
  saveNumber(project, 1)
  await untilSave(ksi, 1)
})

test('a system:startup that never resolves keeps clients waiting for at most two seconds', async (t) => {
  using project = makeProject({ changesReplies: true })
  await using ksi = await Ksi.start(project)
  using client = await ksi.client()
  atRegister(project, "core.router.on('system:startup', () => new Promise(() => {}), { service: 'x' })")
  let longest = 0
  for (;;) {
    const begun = performance.now()
    await client.request('permission:list_profiles')
    longest = Math.max(longest, performance.now() - begun)
    const { last_failure } = await ksi.status()
    if (last_failure !== null) break
    await delay(2)
  }
  t.diagnostic(`longest wait ${Math.round(longest)} ms`)
  assert.ok(longest < 2_500, `${longest} ms; the machine may be busy`)
  assert.match(String((await ksi.status()).problem), /health\.ts did not go live: no "live" within/)
})

test('code that hangs after it went live gives way to the code before, however short the probation', async () => {
  using project = makeProject({ changesReplies: true })
  await using ksi = await Ksi.start(project, { KSI_HEARTBEAT_MS: '1000', KSI_PROBATION_MS: '100' })
  atRegister(project, 'setTimeout(() => { for (;;) {} }, 1_500)')
  await ksi.untilStatus(({ generation }) => generation === 2)
  const status = await ksi.untilStatus(({ last_failure, phase }) => last_failure !== null && phase === 'live')
  assert.deepEqual(status.last_failure?.files, [health])
  assert.match(String(status.problem), /no sign of life for 1000 ms.*the generation before serves on/)
})

test('while nothing of what is saved can be booted, health and status name its file', async () => {
  using project = makeProject({ changesReplies: true })
  project.edit(health, (text) => `${text}\nconst = 1\n`)
  await using ksi = Ksi.launch(project)
  await ksi.untilStatus(({ last_failure }) => last_failure !== null)
  project.edit(health, (text) => `${text}\nconst = 2\n`)
  const status = await ksi.untilStatus(
    ({ phase, last_failure }) => phase === 'crashed' && last_failure?.files[0] === health,
  )
  assert.deepEqual(status.last_failure?.files, [health])
  using client = await ksi.client()
  const reply = await client.request('system:health')
  assert.match(String(reply.problem), /^The change of src\/daemon\/health\.ts did not go live/)
})

test('a file of the supervisor waits for a restart until it is put back', async () => {
  using project = makeProject({ changesReplies: true })
  await using ksi = await Ksi.start(project)
  const file = 'src/supervisor/banner.ts'
  const host = 'src/runner/host/reloads.ts'
  const [whole, hostWhole] = [project.read(file), project.read(host)]
  project.edit(file, (text) => `${text}\n// changed\n`)
  project.edit(host, (text) => `${text}\n// changed\n`)
  await ksi.untilStatus(({ waiting_for_restart: waiting }) => waiting.includes(file) && waiting.includes(host))
  project.edit(file, () => whole)
  project.edit(host, () => hostWhole)
  await ksi.untilStatus(({ waiting_for_restart: waiting }) => waiting.length === 0)
})
