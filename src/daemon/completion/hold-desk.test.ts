import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RunOutcome } from '../../contracts/runner.ts'
import type { Core } from '../core.ts'
import { HeldWorld, time } from '../testing/held-world.ts'
import { TestRoot, completed, failed, rowOf } from '../testing/test-core.ts'
import { cancelRequest } from './cancel.ts'
import { emptyReport, reconcile } from './reconcile.ts'
import type { RunnerWorld } from './reconcile.ts'

const minute = 60_000
const limited = (retry_after_ms?: number, more: object = {}): RunOutcome =>
  failed({
    retryable: true,
    limited: true,
    message: '429 slow down',
    ...(retry_after_ms && { retry_after_ms }),
    ...more,
  })
const outage = failed({ retryable: true, outage: true, message: '529 Overloaded' })

test('a limit holds its provider until the reset; then one probe goes, whose success frees the others', async (t) => {
  using root = new TestRoot()
  const world = HeldWorld.begin(t, root).add('a-1', 'a-2', 'b-1', 'c-1')
  world.add1('other', { model: 'claude-cli/sonnet' })
  assert.deepEqual(await world.started(), ['a-1', 'b-1', 'c-1', 'other'])
  world.end('a-1', limited(10 * minute)).end('b-1', limited())
  world.add('d-1')
  assert.deepEqual([await world.started(), world.holds()], [[], ['provider echo limit held']])
  world.add1('more', { model: 'claude-cli/opus' }).end('c-1', completed('s'))
  assert.deepEqual(await world.started(), ['more'], 'an answer to what ran before ends nothing, and others go on')
  t.mock.timers.tick(10 * minute - 1_000)
  assert.deepEqual(await world.started(), [])
  t.mock.timers.tick(2_001)
  assert.deepEqual([await world.started(), world.holds()], [['a-1'], ['provider echo limit probing']])
  t.mock.timers.tick(60 * minute)
  assert.deepEqual(await world.started(), [], 'however long it takes')
  world.end('a-1', limited(5 * minute))
  t.mock.timers.tick(4 * minute)
  assert.deepEqual([await world.started(), world.holds()], [[], ['provider echo limit held']])
  assert.deepEqual(await world.untilOver(t).started(), ['b-1'], 'whose probe was refused lets others go first')
  world.end('b-1', completed('b'))
  assert.deepEqual([await world.started(), world.holds()], [['d-1'], []])
  t.mock.timers.tick(1_000)
  assert.deepEqual(await world.started(), ['a-1'])
  assert.equal(rowOf(world.core, 'a-1').attempts, 1, 'no try was counted')
  world.end('a-1', completed('a'))
  assert.deepEqual(await world.started(), ['a-2'])
  assert.deepEqual(world.told(), [
    'completion:held provider echo',
    'completion:held provider echo',
    'completion:released provider echo',
  ])
  world.close()
})

test('a limit of one model holds that, whoever of its provider is asked for beside it', async (t) => {
  using root = new TestRoot()
  const world = HeldWorld.begin(t, root)
  for (const id of ['o1', 'o2', 'o3']) world.add1(id, { model: 'echo/opus' })
  world.add('e1')
  assert.deepEqual(await world.started(), ['o1', 'o2', 'o3', 'e1'])
  world
    .end('o1', limited(minute, { limits: 'model' }))
    .add1('o4', { model: 'echo/opus' })
    .add('e2')
  assert.deepEqual([await world.started(), world.holds()], [['e2'], ['model echo/opus limit held']])
  t.mock.timers.tick(2 * minute)
  assert.deepEqual(await world.started(), ['o1'])
  world.end('o1', completed('o'))
  assert.deepEqual(await world.started(), ['o4'])
  world.close()
})

test('a probe that is cancelled, lost, or refused for itself makes room for the next one', async (t) => {
  using root = new TestRoot()
  const world = HeldWorld.begin(t, root).add('a', 'b', 'c', 'd')
  const { core } = world
  await world.started()
  for (const id of ['a', 'b', 'c', 'd']) world.end(id, limited(minute))
  t.mock.timers.tick(3 * minute)
  assert.deepEqual(await world.started(), ['a'])
  core.journal.tx(() => cancelRequest(core, 'a', { reason: 'cancelled', after: () => {} }))
  assert.deepEqual(await world.started(), [], 'its run has not ended')
  const gone: RunnerWorld = { knowledge: () => 'gone', left: () => undefined, said: () => undefined }
  core.journal.tx(() => reconcile(core, gone, emptyReport()))
  assert.deepEqual(await world.started(), ['b'])
  core.journal.tx(() => reconcile(core, gone, emptyReport()))
  assert.deepEqual([rowOf(core, 'b').state, await world.started()], ['failed', ['c']])
  world.end('c', failed({ retryable: false, reason: 'invalid_request' }))
  assert.deepEqual([await world.started(), world.holds()], [['d'], ['provider echo limit probing']])
  // One that is not answered in its time counts as its own try, so that it cannot be the probe for ever.
  world.end('d', failed({ retryable: true, reason: 'timeout' }))
  assert.deepEqual([rowOf(core, 'd').attempts, world.holds()], [1, ['provider echo limit held']])
  world.close()
})

test('overload and network hold their provider alone, longer each time, and cost no try', async (t) => {
  using root = new TestRoot()
  const world = HeldWorld.begin(t, root, { KSI_CIRCUIT_FAILURES: '3' }).add('a', 'b', 'c', 'd')
  world.add1('other', { model: 'claude-cli/sonnet' })
  const { core } = world
  await world.started()
  world.end('a', outage).end('b', outage)
  assert.deepEqual([world.holds(), rowOf(core, 'a').attempts], [[], 1])
  world.end('c', outage).end('d', outage)
  assert.deepEqual(world.holds(), ['provider echo circuit held'])
  assert.deepEqual([rowOf(core, 'c').attempts, rowOf(core, 'd').attempts], [0, 0])
  world.add1('flows', { model: 'claude-cli/sonnet' })
  assert.deepEqual(await world.started(), ['flows'])
  const probes: string[] = []
  for (let i = 0; i < 6; i++) {
    const [probe = '', ...more] = await world.untilOver(t).started()
    assert.deepEqual(more, [], 'one at a time')
    world.end(probe, outage)
    probes.push(probe)
  }
  assert.ok(new Set(probes).size > 1, `a request that takes its server down is not asked for ever: ${probes.join()}`)
  assert.equal(core.holds.list(1).holds[0]?.times, 7)
  t.mock.timers.tick(10 * minute)
  const [probe = ''] = await world.started()
  world.end(probe, completed('s'))
  assert.deepEqual(world.holds(), [])
  t.mock.timers.tick(minute)
  assert.deepEqual(
    (await world.started()).toSorted(),
    ['a', 'b', 'c', 'd'].filter((id) => id !== probe),
  )
  world.close()
})

test('with failures that are not in a row, or without the setting, no circuit opens', async (t) => {
  using root = new TestRoot()
  const world = HeldWorld.begin(t, root, { KSI_CIRCUIT_FAILURES: '2' }).add('a', 'b', 'c')
  await world.started()
  world.end('a', outage).end('b', completed('b')).end('c', outage)
  assert.deepEqual(world.holds(), [])
  world.close()
  const off = new HeldWorld(root.core({ KSI_CIRCUIT_FAILURES: '0' }, { time }))
  for (const id of ['d', 'e', 'f', 'g', 'h', 'i']) off.add(id)
  for (const id of await off.started()) off.end(id, outage)
  assert.deepEqual(off.holds(), [])
  off.close()
})

test('holds, and failures so far, outlive their generation; the next one probes when it is time', async (t) => {
  using root = new TestRoot()
  const world = HeldWorld.begin(t, root, { KSI_CIRCUIT_FAILURES: '2' }).add('a', 'b')
  world.add1('x', { model: 'claude-cli/sonnet' }).add1('y', { model: 'claude-cli/sonnet' })
  await world.started()
  world.end('a', limited(minute)).end('x', outage)
  world.close()
  const next = new HeldWorld(root.core({ KSI_CIRCUIT_FAILURES: '2' }, { time }))
  assert.deepEqual([await next.started(), next.holds()], [[], ['provider echo limit held']])
  next.end('y', outage)
  assert.deepEqual(next.holds(), ['provider claude-cli circuit held', 'provider echo limit held'])
  t.mock.timers.tick(2 * minute)
  assert.deepEqual((await next.started()).toSorted(), ['a', 'x'], 'a probe of each')
  next.close()
  const last = new HeldWorld(root.core({}, { time }))
  last.add('z')
  assert.deepEqual([await last.started(), last.holds().filter((hold) => /probing/.test(hold)).length], [[], 2])
  last.end('a', completed('a'))
  assert.deepEqual((await last.started()).includes('z'), true)
  last.close()
})

test('a reset years ahead, or long gone, is bounded; by hand it is released at any time', async (t) => {
  using root = new TestRoot()
  const world = HeldWorld.begin(t, root).add('a', 'b')
  await world.started()
  world.end('a', limited(1e15))
  const [held] = world.core.holds.list(1).holds
  assert.equal(Math.round((Date.parse(held?.until ?? '') - Date.now()) / 86_400_000), 8)
  assert.deepEqual(
    world.core.journal.tx(() => world.core.holds.release('provider', 'echo', 'it is well')).map(({ name }) => name),
    ['echo'],
  )
  assert.deepEqual([await world.started(), world.holds()], [['a'], []])
  world.end('a', limited(-1e15))
  t.mock.timers.tick(2_500)
  assert.deepEqual(await world.started(), ['a'])
  world.close()
})

test('a clock that jumps changes nothing; one that was ahead before the next start delays nobody', async (t) => {
  using root = new TestRoot()
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1_000_000_000 })
  let wall = Date.now()
  const core = (machine: string): Core =>
    root.core({}, { time: { uptimeMs: () => Date.now(), wallMs: () => wall, machine } })
  const world = new HeldWorld(core('first')).add('a')
  await world.started()
  world.end('a', limited(60 * minute))
  wall += 365 * 24 * 60 * minute
  t.mock.timers.tick(30 * minute)
  assert.deepEqual(await world.started(), [], 'over by the wall clock alone')
  world.close()
  wall = 500_000_000
  const next = new HeldWorld(core('second'))
  assert.ok((next.core.holds.nextAt() ?? 0) - next.core.journal.clock.now() <= 60 * minute + 1_000)
  t.mock.timers.tick(62 * minute)
  assert.deepEqual(await next.started(), ['a'])
  next.close()
})

test('a provider that a save renames keeps nobody for ever: what is left under the old name fails', async (t) => {
  using root = new TestRoot()
  const world = HeldWorld.begin(t, root)
  for (const id of ['a', 'b']) world.add1(id, { model: 'gone/m' })
  await world.started()
  world.end('a', limited(minute))
  t.mock.timers.tick(2 * minute)
  world.add1('c', { model: 'gone/m' })
  for (const probe of ['a', 'c']) {
    assert.deepEqual(await world.started(), [probe])
    world.end(probe, failed({ retryable: false, reason: 'invalid_request', message: 'no provider is called gone' }))
  }
  assert.deepEqual(world.holds(), ['provider gone limit due'])
  t.mock.timers.tick(25 * 60 * minute)
  world.core.journal.tx(() => world.core.holds.endDue())
  assert.deepEqual(world.holds(), [], 'nobody came for a day')
  world.close()
})
