import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import type { Socket } from 'node:net'
import { once } from 'node:events'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { freePort } from '../lib/free-port.ts'
import { Ksi } from '../testing/ksi.ts'
import { makeProject } from '../testing/project.ts'
import { assertAllDone, sendWork, untilAllDone } from '../testing/work.ts'

test('var/run, locks, sockets and the whole of var are removed at work: made again, nobody notices', async () => {
  using project = makeProject()
  await using ksi = await Ksi.start(project)
  using client = await ksi.client()
  await client.request('monitor:subscribe', { event_patterns: ['*'] })
  const sent = await sendWork(client, { conversations: 5, perConversation: 8, latencyMs: 400 })
  const { generation } = await ksi.status()
  for (const folder of ['var/run', 'var/db', 'var']) {
    rmSync(project.path(folder), { recursive: true, maxRetries: 5, retryDelay: 20 })
    const begun = performance.now()
    while (!existsSync(ksi.socket) || !existsSync(project.path('var/run/ksi_daemon.pid'))) await delay(20)
    assert.ok(performance.now() - begun < 3_000)
    // A new generation finds the runner, and a new supervisor that this one is there.
    project.edit('src/daemon/health.ts', (text) => `${text}\n// ${folder}\n`)
    await delay(1_500)
    assert.equal(statSync(project.path('var/run')).mode & 0o077, 0, 'for its owner alone')
  }
  const second = Ksi.launch(project)
  assert.equal(await second.exited, 75)
  await untilAllDone(client, sent)
  assertAllDone(client, sent, await ksi.runsByRequest())
  const status = await ksi.status()
  assert.ok((status.generation ?? 0) > (generation ?? 0), 'new code went live')
  assert.deepEqual([status.losses, status.missing, status.crashes], [[], [], 0])
})

test('another ksi has taken the place: the first ends itself with a sentence, the second serves', async () => {
  using project = makeProject()
  await using first = await Ksi.start(project)
  process.kill(first.process.pid ?? 0, 'SIGSTOP')
  for (const name of readdirSync(project.path('var/run')).filter((one) => /lock|sock|pid/.test(one)))
    rmSync(project.path(`var/run/${name}`))
  rmSync(project.path('var/db/dev_checkpoint.db.lock'))
  await using second = await Ksi.start(project)
  process.kill(first.process.pid ?? 0, 'SIGCONT')
  assert.equal(await first.exited, 70)
  assert.match(first.output(), /Another ksi has taken this place/)
  assert.ok(existsSync(second.socket), 'it took nothing along')
  using client = await second.client()
  await client.request('monitor:subscribe', { event_patterns: ['*'] })
  await untilAllDone(client, await sendWork(client, { conversations: 2, perConversation: 2, latencyMs: 1 }))
})

test('descriptors run out: new clients are refused, and nothing else: saves, crashes and requests go on', async () => {
  using project = makeProject()
  const program = `ulimit -n 256; exec "${process.execPath}" "${project.path('src/supervisor/main.ts')}"`
  await using ksi = await Ksi.start(project, {}, { command: 'sh', args: ['-c', program] })
  using client = await ksi.client()
  await client.request('monitor:subscribe', { event_patterns: ['*'] })
  const idle: Socket[] = Array.from({ length: 300 }, () => connect(ksi.socket).on('error', () => {}))
  try {
    await delay(500)
    const { generation, connections } = await ksi.statusOver(client)
    assert.ok(connections > 100 && connections < 200, `${connections} connections`)
    project.edit('src/daemon/health.ts', (text) => `${text}\n// a save\n`)
    while ((await ksi.statusOver(client)).generation === generation) await delay(20)
    process.kill(Number((await client.request('system:health')).pid), 'SIGKILL')
    await untilAllDone(client, await sendWork(client, { conversations: 4, perConversation: 2, latencyMs: 50 }))
    const status = await ksi.statusOver(client)
    assert.deepEqual([status.crashes, status.last_failure, status.problem], [1, null, null])
  } finally {
    for (const socket of idle) socket.destroy()
  }
  assert.match(ksi.raw.join('\n'), /Room for \d+ connections instead of 4096.*256 file descriptors/)
})

test('what stands in the way of a start is said in a sentence, with a code and no stack', async () => {
  using project = makeProject()
  const refuses = async (code: number, sentence: RegExp, env: Record<string, string> = {}): Promise<void> => {
    const ksi = Ksi.launch(project, env)
    assert.equal(await ksi.exited, code, ksi.output())
    assert.match(ksi.output(), sentence)
    assert.doesNotMatch(ksi.output(), /\n\s+at /, 'no stack')
  }
  await refuses(78, /KSI_PORT: say a whole number from 0 to 65535/, { KSI_PORT: '70000' })
  const port = String(await freePort())
  await refuses(78, /are both \d+/, { KSI_PORT: port, KSI_SIDECAR_PORT: port, KSI_SIDECAR: 'on' })
  rmSync(project.path('var'), { recursive: true })
  writeFileSync(project.path('var'), 'no folder')
  await refuses(73, /cannot be written.*write access/)
  rmSync(project.path('var'))
  if (process.getuid?.() !== 0) return
  mkdirSync(project.path('var'))
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'ro', 'ksi-test', project.path('var')])
  try {
    await refuses(73, /cannot be written.*write access/)
  } finally {
    execFileSync('umount', ['--lazy', project.path('var')])
  }
})

test('the page cannot have its port: that is said, by whom, and no page is named as if it were there', async () => {
  using project = makeProject()
  const port = await freePort()
  const other = createServer().listen(port, '127.0.0.1')
  await once(other, 'listening')
  await using ksi = await Ksi.start(project, { KSI_SIDECAR: 'on', KSI_SIDECAR_PORT: String(port) })
  const status = await ksi.untilStatus(({ missing }) => missing.length > 0)
  assert.match(
    status.missing[0] ?? '',
    new RegExp(`page is not there: its port ${port} is in use by .*pid ${process.pid}`),
  )
  const told = spawn(process.execPath, [join(import.meta.dirname, '../cli/ksi.js'), 'health', '--root', project.root])
  const [text] = (await once(told.stdout.setEncoding('utf8'), 'data')) as string[]
  assert.match(text ?? '', /^healthy.*page is not there/)
  other.close()
  await ksi.untilStatus(({ missing }) => missing.length === 0)
})
