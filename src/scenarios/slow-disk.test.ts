import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { Trouble } from '../contracts/control.ts'
import { Ksi } from '../testing/ksi.ts'
import { saveNumber, untilSave } from '../testing/numbered-saves.ts'
import { makeProject } from '../testing/project.ts'
import { makeSlowDisk } from '../testing/slow-disk.ts'
import type { WireClient } from '../testing/wire-client.ts'
import { assertAllDone, sendWork, untilAllDone } from '../testing/work.ts'

const limits = { KSI_HEARTBEAT_MS: '1000', KSI_BOOT_TIMEOUT_MS: '3000' }

/** What the status says goes wrong, until `work` is done. */
async function troublesUntil(ksi: Ksi, client: WireClient, work: Promise<unknown>): Promise<Trouble[]> {
  const seen: Trouble[] = []
  const state = { isDone: false }
  void work.finally(() => (state.isDone = true)).catch(() => {})
  for (; !state.isDone; await delay(100)) seen.push(...(await ksi.statusOver(client)).troubles)
  await work
  return seen
}

test('syncs of 1 and of 4 s, also over a save: named, nothing is killed, rolled back, blamed or lost', async (t) => {
  using slow = makeSlowDisk()
  if (slow === undefined) return t.skip('there is no C compiler to make a slow disk with')
  using project = makeProject({ changesReplies: true })
  await using ksi = await Ksi.start(project, { ...limits, ...slow.env })
  using client = await ksi.client()
  using watcher = await ksi.client()
  await client.request('monitor:subscribe', { event_patterns: ['completion:*'] })
  const sent = await sendWork(client, { conversations: 2, perConversation: 2, latencyMs: 300 })
  let save = 0
  for (const ms of [1_000, 4_000]) {
    slow.takes(ms)
    saveNumber(project, ++save)
    const named = await troublesUntil(ksi, watcher, untilSave(ksi, save, 30_000))
    const disk = named.find(({ what }) => what === 'the disk')
    assert.deepEqual([disk?.path, disk?.grave], [project.path('var/db/dev_checkpoint.db'), false], `${ms} ms`)
    const before = await ksi.livePid()
    // Syncs the WAL, and then the file: longer than a heartbeat.
    if (ms === 1_000) await client.request('dev:checkpoint', { action: 'create' })
    const { crashes, failed_swaps, problem, last_failure, poison, phase } = await ksi.status()
    assert.deepEqual([crashes, failed_swaps, problem, last_failure, poison, phase], [0, 0, null, null, [], 'live'])
    assert.equal(await ksi.livePid(), before)
  }
  slow.takes(0)
  await untilAllDone(client, sent)
  assertAllDone(client, sent, await ksi.runsByRequest())
})
