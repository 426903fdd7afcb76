import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { Ksi } from '../testing/ksi.ts'
import { health, saveNumber } from '../testing/numbered-saves.ts'
import { signal } from '../testing/processes.ts'
import { makeProject } from '../testing/project.ts'
import { assertAllDone, sendWork, untilAllDone } from '../testing/work.ts'

test('ksi rollback: the code from before serves, the files stay, work goes on, the next save goes live', async () => {
  using project = makeProject({ changesReplies: true })
  await using ksi = await Ksi.start(project)
  using client = await ksi.client()
  await client.request('monitor:subscribe', { event_patterns: ['*'] })
  const asked = await client.request('system:rollback')
  assert.match(`${String(asked.code)} ${String(asked.error)}`, /KSI_NOT_FOUND There is no code that was live before/)
  const sent = await sendWork(client, { conversations: 5, perConversation: 4, latencyMs: 200 })
  saveNumber(project, 1)
  await ksi.untilStatus(({ generation }) => generation === 2)
  saveNumber(project, 2)
  await ksi.untilStatus(({ generation, phase }) => generation === 3 && phase === 'live')
  const reply = await client.request('system:rollback')
  assert.deepEqual([reply.status, reply.generation, reply.files], ['rolled_back', 4, [health]], String(reply.error))
  assert.equal((await client.request('system:health')).save, 1)
  assert.match(project.read(health), /save: 2,/, 'the file stays as it is')
  const status = await ksi.status()
  assert.match(String(status.problem), /health\.ts is not live: it was rolled back by hand\. A save/)
  assert.deepEqual([status.last_failure, status.failed_swaps], [null, 0])
  await client.until((c) =>
    c.pushes.some(({ event, data }) => event === 'system:reloaded' && data.cause === 'rollback'),
  )
  signal(Number((await client.request('system:health')).pid), 'SIGKILL')
  await ksi.untilStatus(({ generation, phase }) => generation === 5 && phase === 'live')
  assert.equal((await client.request('system:health')).save, 1, 'the same after a crash')
  saveNumber(project, 3)
  const well = await ksi.untilStatus(({ generation, phase }) => generation === 6 && phase === 'live')
  assert.equal(well.problem, null)
  assert.equal((await client.request('system:health')).save, 3)
  await untilAllDone(client, sent)
  await delay(100)
  assertAllDone(client, sent, await ksi.runsByRequest())
})
