import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, readdirSync, realpathSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { freePort } from '../lib/free-port.ts'
import { Ksi } from '../testing/ksi.ts'
import { atRegister, health, saveNumber, untilSave } from '../testing/numbered-saves.ts'
import { makeProject } from '../testing/project.ts'

const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => (socket.destroy(), resolve(true)))
    socket.on('error', () => resolve(false))
  })

test('a handler that owns a port: a save is told what to do; opened and closed in time nothing is amiss', async () => {
  using project = makeProject({ changesReplies: true })
  const whole = project.read(health)
  await using ksi = await Ksi.start(project)
  const port = await freePort()
  const server = "const server = process.getBuiltinModule('node:net').createServer((s) => s.end())"
  const listen = `server.listen(${port}, '127.0.0.1')`
  atRegister(project, `${server}; ${listen}`)
  await ksi.untilStatus(({ generation, phase }) => generation === 2 && phase === 'live')
  using client = await ksi.client()
  await client.request('monitor:subscribe', { event_patterns: ['system:*'] })
  saveNumber(project, 1)
  await client.until((c) => c.pushes.some(({ event }) => event === 'system:reload_failed'))
  const failure = client.pushes.find(({ event }) => event === 'system:reload_failed')?.data
  assert.deepEqual(failure?.files, [health])
  assert.match(JSON.stringify(failure?.error), /EADDRINUSE.*open it in `system:startup`, close it in `system:shutdown`/)
  // Neither can have it while the other is there. Once both have ended, the code that was live can.
  while (!(await answers(port))) await delay(10)
  await ksi.untilStatus(({ phase }) => phase === 'live')
  const opens = `() => new Promise((done) => server.listen(${port}, '127.0.0.1', done))`
  const startup = `core.router.on('system:startup', ${opens}, { service: 'x' })`
  const shutdown = "core.router.on('system:shutdown', () => void server.close(), { service: 'x' })"
  project.edit(health, () => whole)
  // Its last process, which is parked for a while, holds the port still.
  while (await answers(port)) await delay(10)
  atRegister(project, `${server}; ${startup}; ${shutdown}`)
  for (let tries = 0; !(await answers(port)); tries++) {
    assert.ok(tries < 500, ksi.output())
    await delay(10)
  }
  for (const save of [2, 3]) {
    saveNumber(project, save)
    await untilSave(ksi, save)
    assert.ok(await answers(port))
  }
  assert.equal((await ksi.status()).problem, null)
})

test('out of memory right after going live: the code before serves on, and the file is named', async () => {
  using project = makeProject({ changesReplies: true })
  await using ksi = await Ksi.start(project, { NODE_OPTIONS: '--max-old-space-size=96' })
  atRegister(
    project,
    'setTimeout(() => { const all = []; for (;;) all.push(new Array(10_000).fill(all.length)) }, 300)',
  )
  const status = await ksi.untilStatus(({ last_failure, phase }) => last_failure !== null && phase === 'live')
  assert.deepEqual(status.last_failure?.files, [health])
  assert.match(status.last_failure?.error.message ?? '', /heap out of memory/)
  assert.match(String(status.problem), /the generation before serves on/)
})

test('an agent run by ksi edits ksi: its run is not touched by the save it makes', async () => {
  using project = makeProject({ changesReplies: true })
  project.add('src/runner/testing/fake-claude.js')
  const agent = project.path('agent.sh')
  const edit = `sed -i "s/boot_id: core.bootId,/boot_id: core.bootId, save: 7,/" ${project.path(health)}`
  writeFileSync(agent, `#!/bin/sh\n${edit}\nsleep 1\nexec ${project.path('src/runner/testing/fake-claude.js')} "$@"\n`)
  chmodSync(agent, 0o755)
  await using ksi = await Ksi.start(project, { KSI_CLAUDE_BIN: agent, KSI_DEFAULT_MODEL: 'claude-cli/sonnet' })
  using client = await ksi.client()
  const { request_id } = await client.request('completion:async', { prompt: 'mend yourself' })
  await untilSave(ksi, 7)
  const done = await client.request('completion:wait', { request_id })
  assert.deepEqual([done.status, done.attempts], ['completed', 1], JSON.stringify(done))
})

test('npm ci under a running ksi: what runs runs on, and the save waits for what is installed', async () => {
  using project = makeProject({ changesReplies: true })
  await using ksi = await Ksi.start(project)
  using client = await ksi.client()
  const extra_body = { echo: { latency_ms: 3_000 } }
  const { request_id } = await client.request('completion:async', { prompt: 'long', extra_body })
  // Nobody who could boot has imported the dependencies: their stamp is another one.
  const [modules, aside] = [project.path('node_modules'), project.path('gone')]
  renameSync(modules, aside)
  project.edit('src/daemon/warm-up.ts', (text) => `${text}\n// saved while nothing is installed\n`)
  saveNumber(project, 1)
  const waits = await ksi.untilStatus(({ last_failure, phase }) => last_failure !== null && phase === 'live')
  assert.match(String(waits.problem), /Cannot find package '.*'.*Install it with `npm ci`/)
  // What npm has installed is as new as its note of it.
  mkdirSync(modules)
  for (const name of readdirSync(aside))
    if (name !== '.package-lock.json') symlinkSync(`${realpathSync(aside)}/${name}`, `${modules}/${name}`)
  writeFileSync(`${modules}/.package-lock.json`, '{}')
  await untilSave(ksi, 1)
  assert.equal((await client.request('completion:wait', { request_id })).status, 'completed')
  const status = await ksi.untilStatus(({ spare }) => spare)
  assert.deepEqual([status.problem, status.last_failure, status.crashes], [null, null, 0])
})
