import assert from 'node:assert/strict'
import { readdirSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { Ksi } from '../testing/ksi.ts'
import { childrenOf, signal } from '../testing/processes.ts'
import { makeProject } from '../testing/project.ts'
import type { Project } from '../testing/project.ts'
import { sendWork, untilAllDone, assertAllDone } from '../testing/work.ts'

const health = 'src/daemon/health.ts'
const register = 'export function registerHealth(core: Core, liveAt: number): void {\n'
const hang = '  setTimeout(() => { for (;;) {} }, 3_500)\n'
const heartbeat = { KSI_HEARTBEAT_MS: '1000' }

/** The name of one after all there are. */
function named(project: Project, name: string): string {
  const next = readdirSync(project.path('src/store/migrations')).length + 1
  return `${String(next).padStart(4, '0')}_${name}`
}

/** Saves a migration and code that hangs in the fourth second, as one change. */
function saveBoth(project: Project, ksi: Ksi, name: string, sql: string): void {
  const watch = childrenOf(ksi.process.pid ?? 0).find(({ command }) => command.includes('watch/main'))?.pid ?? 0
  signal(watch, 'SIGSTOP')
  writeFileSync(project.path(`src/store/migrations/${named(project, name)}`), sql)
  project.edit(health, (text) => text.replace(register, `${register}${hang}`))
  signal(watch, 'SIGCONT')
}

/** 50 requests, acknowledged by the new code, most of them not run when it hangs. */
async function fiftyWhileItHangs(t: TestContext, ksi: Ksi, name: string): Promise<string> {
  using client = await ksi.client()
  await client.request('monitor:subscribe', { event_patterns: ['*'] })
  await ksi.untilStatus(({ generation }) => generation === 2)
  const sent = await sendWork(client, { conversations: 10, perConversation: 5, latencyMs: 900, tag: name })
  const { problem } = await ksi.untilStatus((status) => status.problem !== null && status.phase === 'live')
  t.diagnostic(String(problem))
  await untilAllDone(client, sent)
  assertAllDone(client, sent, await ksi.runsByRequest())
  return String(problem)
}

test('code that hangs in the fourth second, with a migration that only adds: the code before goes on', async (t) => {
  using project = makeProject({ changesReplies: true })
  await using ksi = await Ksi.start(project, heartbeat)
  saveBoth(project, ksi, 'extra.compatible.sql', 'CREATE TABLE extra (x); ALTER TABLE boots ADD COLUMN extra TEXT;')
  const problem = await fiftyWhileItHangs(t, ksi, 'adds')
  assert.match(problem, /no sign of life.*the generation before serves on/)
  const { crashes, generation } = await ksi.status()
  assert.deepEqual([crashes, generation], [1, 3])
})

test('with one that does more the code before is refused by name; nothing acknowledged is dropped', async (t) => {
  using project = makeProject({ changesReplies: true })
  await using ksi = await Ksi.start(project, heartbeat)
  const whole = project.read(health)
  saveBoth(project, ksi, 'other.sql', 'CREATE TABLE extra (x); DROP TABLE extra;')
  const problem = await fiftyWhileItHangs(t, ksi, 'other')
  assert.match(problem, /no sign of life.*could not take the journal back: .*It went through \d+_other\.sql/)
  assert.match(problem, /A copy from before is .*\.v\d+\.db: it lacks \d+ requests accepted and \d+ outcomes/)
  project.edit(health, () => whole)
  await ksi.untilStatus((status) => status.problem === null && status.phase === 'live')
})
