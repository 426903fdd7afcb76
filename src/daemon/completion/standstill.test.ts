import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { SyncFile } from '../../store/wal-sync.ts'
import { muchText, setFull } from '../../store/testing/temp-journal.ts'
import { registerHealth } from '../health.ts'
import type { Core } from '../core.ts'
import { TestRoot, accept, begin } from '../testing/test-core.ts'
import type { RunnerLinks } from './runner-links.ts'
import { Standstill } from './standstill.ts'

const noRunner = { accepting: () => undefined, problem: () => 'There is no runner.' } as unknown as RunnerLinks
const look = (standstill: Standstill, times: number): void => {
  for (let i = 0; i < times; i++) standstill.look()
}

function statusOf(core: Core): unknown {
  const [health] = core.router.emit('system:health', {}) as [{ status: string }]
  return health.status
}

test('work that waits while nothing begins is not healthy, and it is said why; it is again when it moves', () => {
  using root = new TestRoot()
  const core = root.core()
  registerHealth(core, 0)
  let ready = true
  const standstill = new Standstill(core, noRunner, () => ready)
  accept(core, { request_id: 'a' })
  accept(core, { request_id: 'b' })
  look(standstill, 5)
  assert.equal(statusOf(core), 'healthy', 'five seconds are not long')
  look(standstill, 1)
  assert.equal(statusOf(core), 'unhealthy')
  const [trouble] = core.troubles.list()
  assert.deepEqual(
    [trouble?.what, trouble?.message],
    ['starting requests', '2 requests wait, and none begins. There is no runner.'],
  )
  begin(core, 'a')
  look(standstill, 1)
  assert.equal(statusOf(core), 'healthy', 'one has begun')
  ready = false
  look(standstill, 9)
  assert.equal(statusOf(core), 'healthy', 'all that may run runs')
})

test('a slow disk is named as such and harms no health; one without room does, until there is room', async () => {
  using root = new TestRoot()
  let syncMs = 700
  const slow: SyncFile = (_, done) => void setTimeout(done, syncMs, null)
  const core = root.core({}, { sync: slow, durability: 'disk' })
  registerHealth(core, 0)
  const standstill = new Standstill(core, noRunner, () => false)
  accept(core, { request_id: 'a' })
  await delay(750)
  standstill.look()
  const [trouble] = core.troubles.list()
  assert.match(trouble?.message ?? '', /^A sync of the journal takes 0\.[78] s/)
  assert.deepEqual([trouble?.path, statusOf(core)], [core.settings.paths.journal, 'healthy'])
  syncMs = 1
  accept(core, { request_id: 'b' })
  while (core.journal.disk.syncMs > 500) await delay(5)
  standstill.look()
  assert.deepEqual(core.troubles.list(), [])
  setFull(core.journal, true)
  assert.throws(() => accept(core, { request_id: 'c', prompt: muchText }))
  standstill.look()
  assert.deepEqual([core.troubles.list()[0]?.what, statusOf(core)], ['the disk', 'unhealthy'])
  setFull(core.journal, false)
  standstill.look()
  assert.equal(statusOf(core), 'healthy', 'room is noticed although nobody writes')
})
