import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { Ksi } from '../testing/ksi.ts'
import { makeProject } from '../testing/project.ts'
import { assertAllDone, sendWork, untilAllDone } from '../testing/work.ts'

test('100 requests in 20 conversations run on over 10 saves: in order, once each, no connection cut', async () => {
  using project = makeProject()
  await using ksi = await Ksi.start(project)
  using client = await ksi.client()
  await client.request('monitor:subscribe', { event_patterns: ['*'] })
  const sent = await sendWork(client, { conversations: 20, perConversation: 5, latencyMs: 400 })
  const before = (await ksi.status()).generation ?? 0
  for (let save = 0; save < 10; save++) {
    project.edit('src/daemon/health.ts', (text) => `${text}\n// save ${save}\n`)
    await ksi.untilStatus((status) => (status.generation ?? 0) > before + save)
  }
  await untilAllDone(client, sent)
  assertAllDone(client, sent, await ksi.runsByRequest())
  assert.equal((await ksi.status()).crashes, 0)
  const told = (): typeof client.pushes => client.pushes.filter((push) => push.event === 'system:reloaded')
  // A push comes once it is on disk, which may be a moment after the status.
  await client.until(() => told().length >= 10)
  const reloaded = told()
  assert.equal(reloaded.length, 10, 'each save is told once')
  assert.deepEqual(reloaded[0]?.data.files, ['src/daemon/health.ts'])
})

test('a save that leaves the content as it was changes nothing; one by rename does', async () => {
  using project = makeProject()
  await using ksi = await Ksi.start(project)
  const { generation } = await ksi.status()
  project.edit('src/daemon/health.ts', (text) => text)
  await delay(500)
  assert.equal((await ksi.status()).generation, generation)
  project.editByRename('src/daemon/health.ts', (text) => `${text}\n// renamed over\n`)
  await ksi.untilStatus((status) => status.generation === (generation ?? 0) + 1)
})

test('an edit of the provider gives new work to a new runner while the old one finishes its own', async () => {
  using project = makeProject()
  await using ksi = await Ksi.start(project)
  using client = await ksi.client()
  await client.request('monitor:subscribe', { event_patterns: ['completion:*'] })
  const slow = await sendWork(client, { conversations: 3, perConversation: 1, latencyMs: 1_500, tag: 'old' })
  await client.until((c) => c.pushes.filter((push) => push.data.status === 'calling_provider').length === 3)
  const [first] = (await ksi.status()).runners
  project.edit('src/runner/providers/echo.ts', (text) => `${text}\n// edited\n`)
  await ksi.untilStatus((status) => status.runners.length === 2)
  const fresh = await sendWork(client, { conversations: 3, perConversation: 1, latencyMs: 0, tag: 'new' })
  await untilAllDone(client, new Map([...slow, ...fresh]))
  assertAllDone(client, new Map([...slow, ...fresh]), await ksi.runsByRequest())
  const done = await ksi.untilStatus((status) => status.runners.length === 1)
  assert.notEqual(done.runners[0]?.id, first?.id, 'the old runner has ended')
})
