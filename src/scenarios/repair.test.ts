import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { Ksi } from '../testing/ksi.ts'
import { makeProject } from '../testing/project.ts'

test('a repair saved while the broken boot hangs takes over at once; it does not wait for the time limit', async () => {
  using project = makeProject()
  await using ksi = await Ksi.start(project, { KSI_BOOT_TIMEOUT_MS: '20000' })
  const file = 'src/daemon/health.ts'
  const whole = project.read(file)
  project.edit(file, () => `${whole}\nawait new Promise(() => setInterval(() => {}, 1000))\n`)
  await ksi.untilStatus((status) => status.phase === 'swapping')
  await delay(1_200)
  project.edit(file, () => `${whole}\n// repaired\n`)
  const status = await ksi.untilStatus((now) => now.phase === 'live', 5_000)
  assert.deepEqual([status.generation, status.failed_swaps, status.problem], [2, 0, null])
})

test('a failure names every file that was saved since the code that is live, not just the last one', async () => {
  using project = makeProject()
  await using ksi = await Ksi.start(project)
  const [broken, innocent] = ['src/daemon/health.ts', 'src/daemon/wire/parameters.ts']
  project.edit(broken, (text) => `${text}\nthrow new Error('broken')\n`)
  await ksi.untilStatus((status) => status.failed_swaps === 1)
  project.edit(innocent, (text) => `${text}\n// innocent\n`)
  const failed = await ksi.untilStatus((status) => status.failed_swaps === 2)
  assert.deepEqual(failed.last_failure?.files, [broken, innocent])
  project.edit(broken, (text) => text.replace("throw new Error('broken')", ''))
  const mended = await ksi.untilStatus((status) => status.generation === 2)
  assert.equal(mended.problem, null)
})

test('a crash while what is on disk does not boot: what was live serves on, until a save is well', async () => {
  using project = makeProject()
  await using ksi = await Ksi.start(project)
  // What the files hold is kept from then on.
  await ksi.untilStatus(({ watching }) => watching)
  const file = 'src/daemon/health.ts'
  const whole = project.read(file)
  project.edit(file, () => `${whole}\nthrow new Error('broken on disk')\n`)
  await ksi.untilStatus(({ failed_swaps }) => failed_swaps === 1)
  process.kill(await ksi.livePid(), 'SIGKILL')
  const status = await ksi.untilStatus(({ generation, phase }) => generation === 2 && phase === 'live')
  assert.match(
    String(status.problem),
    /health\.ts is not live: .*broken on disk.* After a crash the code that was live/,
  )
  assert.deepEqual(status.last_failure?.files, [file])
  using client = await ksi.client()
  assert.equal((await client.request('system:health')).generation, 2)
  project.edit(file, () => `${whole}\n// repaired\n`)
  const mended = await ksi.untilStatus(({ generation, phase }) => generation === 3 && phase === 'live')
  assert.deepEqual([mended.problem, mended.last_failure], [null, null])
})
