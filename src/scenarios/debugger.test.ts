import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { Debugger } from '../testing/debugger.ts'
import { Ksi } from '../testing/ksi.ts'
import { saveNumber, untilSave } from '../testing/numbered-saves.ts'
import { makeProject } from '../testing/project.ts'
import { assertAllDone, sendWork, untilAllDone } from '../testing/work.ts'

const env = { NODE_OPTIONS: '--inspect-port=0', KSI_HEARTBEAT_MS: '500', KSI_BOOT_TIMEOUT_MS: '1000' }
/** Longer than the heartbeat and than every deadline of a save. */
const breakpointMs = Number(process.env.KSI_BREAKPOINT_MS ?? 3_000)

test('at a breakpoint, a save meanwhile, an end from there: nothing is killed, blamed or rolled back', async () => {
  using project = makeProject({ changesReplies: true })
  await using ksi = await Ksi.start(project, env)
  using client = await ksi.client()
  await client.request('monitor:subscribe', { event_patterns: ['completion:*'] })
  const pid = await ksi.livePid()
  const debug = await Debugger.attach(ksi, pid)
  const sent = await sendWork(client, { conversations: 2, perConversation: 2, latencyMs: 20 })
  await debug.pause()
  const waiting = client.request('completion:async', { prompt: 'asked at a breakpoint', request_id: 'waits' })
  waiting.catch(() => {})
  saveNumber(project, 1)
  await delay(breakpointMs)
  const there = await ksi.status()
  assert.deepEqual([there.debugged, there.crashes, there.failed_swaps, there.problem], [true, 0, 0, null])
  debug.send('Debugger.resume')
  await untilSave(ksi, 1)
  assert.equal((await waiting).request_id, 'waits')
  await debug.detach()
  await untilAllDone(client, new Map([...sent, ['other', ['waits']]]))
  assertAllDone(client, sent, await ksi.runsByRequest())

  const next = await Debugger.attach(ksi, await ksi.livePid())
  await ksi.untilStatus(({ debugged }) => debugged)
  next.send('Runtime.evaluate', { expression: 'process.exit(1)' })
  await delay(200)
  await next.detach()
  const after = await ksi.untilStatus(({ generation, phase }) => generation === 3 && phase === 'live')
  assert.deepEqual([after.failed_swaps, after.last_failure, after.poison, after.crashes], [0, null, [], 1])
  assert.ok((await untilSave(ksi, 1)) < 5_000, 'the same code, and not that of before')
})
