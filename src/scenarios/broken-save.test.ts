import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Ksi } from './harness/ksi.ts'
import { makeProject } from './harness/project.ts'
import { assertAllDone, sendWork, untilAllDone } from './harness/work.ts'

const file = 'src/daemon/health.ts'

/** What a save breaks, and what must stand in the reported error. */
const breakages: { name: string; change: (text: string) => string; error: RegExp }[] = [
  { name: 'a syntax error', change: (text) => `${text}\nconst = 1\n`, error: /Expected|Unexpected|SyntaxError|,-\[/ },
  { name: 'an import that throws', change: (text) => `${text}\nthrow new Error('thrown at import')\n`, error: /thrown at import/ },
  { name: 'process.exit at the top level', change: (text) => `${text}\nprocess.exit(3)\n`, error: /exit code 3/ },
  { name: 'an endless loop at import', change: (text) => `${text}\nfor (;;) {}\n`, error: /within 1500 ms/ },
  {
    name: 'a throw in a system:startup handler',
    change: (text) =>
      text.replace(
        "core.router.on(\n    'system:health'",
        "core.router.on('system:startup', () => { throw new Error('startup fails') }, { service: 'health' })\n  core.router.on(\n    'system:health'",
      ),
    error: /startup fails/,
  },
  {
    name: 'a crash right after going live',
    change: (text) => `${text}\nsetTimeout(() => { throw new Error('dies young') }, 300)\n`,
    error: /dies young/,
  },
]

for (const { name, change, error } of breakages) {
  test(`${name} leaves the old generation serving, is named with its file, and the repaired save takes over`, async () => {
    using project = makeProject()
    await using ksi = await Ksi.start(project, { KSI_BOOT_TIMEOUT_MS: '1500' })
    using client = await ksi.client()
    await client.request('monitor:subscribe', { event_patterns: ['*'] })
    const sent = await sendWork(client, { conversations: 5, perConversation: 4, latencyMs: 300 })
    const whole = project.read(file)
    assert.notEqual(change(whole), whole, 'the breakage is in the file')
    project.edit(file, change)
    const failed = await ksi.untilStatus((status) => status.last_failure !== null && status.phase === 'live')
    assert.match(`${failed.last_failure?.error.message}\n${failed.last_failure?.error.stack}\n${failed.problem}`, error)
    assert.equal((await client.request('system:health')).status, 'healthy')
    await client.until((c) => c.pushes.some((push) => push.event === 'system:reload_failed'))
    if (name !== 'a crash right after going live') assert.deepEqual(failed.last_failure?.files, [file])
    const { generation } = failed
    project.edit(file, () => `${whole}\n// repaired\n`)
    await ksi.untilStatus((status) => (status.generation ?? 0) > (generation ?? 0) && status.last_failure === null && status.problem === null)
    await untilAllDone(client, sent)
    assertAllDone(client, sent, ksi.runsByRequest())
  })
}
