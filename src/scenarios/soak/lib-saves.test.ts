import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { Ksi } from '../../testing/ksi.ts'
import { makeProject } from '../../testing/project.ts'
import { assertAllDone, sendWork, untilAllDone } from '../../testing/work.ts'

test('saves of 20 files of src/lib in turn, with work running: no reply takes 250 ms', async (t) => {
  using project = makeProject()
  await using ksi = await Ksi.start(project)
  using client = await ksi.client()
  using other = await ksi.client()
  await client.request('monitor:subscribe', { event_patterns: ['completion:*'] })
  const sent = await sendWork(client, { conversations: 10, perConversation: 20, latencyMs: 200 })
  const slowest = new Map<string, number>()
  const files = readdirSync(project.path('src/lib')).filter((name) => name.endsWith('.ts'))
  for (const [n, file] of files.slice(0, 20).entries()) {
    project.edit(`src/lib/${file}`, (text) => `${text}\n// saved\n`)
    const isLive = (): boolean => ksi.log.some(({ msg }) => String(msg).startsWith(`generation ${n + 2} is live`))
    for (let until = Infinity; performance.now() < until; await delay(1)) {
      const begun = performance.now()
      await other.request('dev:losses')
      slowest.set(file, Math.max(slowest.get(file) ?? 0, performance.now() - begun))
      // A new runner, and the end of the old one, come after it.
      if (until === Infinity && isLive()) until = performance.now() + 300
    }
  }
  const told = [...slowest].sort(([, a], [, b]) => b - a).map(([file, ms]) => `${file} ${Math.round(ms)}`)
  t.diagnostic(`slowest replies, ms: ${told.join(', ')}`)
  assert.ok(Math.max(...slowest.values()) < 250, String(told[0]))
  await untilAllDone(client, sent)
  assertAllDone(client, sent, await ksi.runsByRequest())
})
