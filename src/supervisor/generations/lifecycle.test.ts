import assert from 'node:assert/strict'
import { test } from 'node:test'
import { randomFrom } from '../../lib/random.ts'
import { rollbackTarget } from './questions.ts'
import { limits } from './testing/limits.ts'
import { boots, killFromOutside, processIn, started, told } from './testing/looking.ts'
import { World } from './testing/world.ts'

test('a save boots the spare; lines are held from standby to live, the one before is parked for the probation', () => {
  const world = started()
  world.effects.length = 0
  world.save('good')
  world.wait(0)
  const order = world.effects.flatMap((effect) => {
    if (effect.type === 'send') return [effect.message.type]
    return effect.type === 'hold' || effect.type === 'attach' || effect.type === 'detach' ? [effect.type] : []
  })
  assert.deepEqual(order, ['boot', 'hold', 'retire', 'detach', 'activate', 'attach', 'phases'])
  assert.deepEqual(
    world.state.handles.map(({ phase }) => phase),
    ['parked', 'live'],
  )
  world.wait(limits.probationMs + 100)
  assert.deepEqual(
    world.state.handles.map(({ phase }) => phase),
    ['live', 'spare'],
  )
})

test('what is saved while a process starts is in the same boot; what is saved while it boots is in the next', () => {
  const world = new World(randomFrom(1))
  world.save('slow to boot')
  world.wait(100)
  world.save('good')
  world.wait(3_000)
  assert.deepEqual([boots(world), world.live?.code?.version, world.notLive], [2, 2, []])
})

test('a boot that hangs is given up for newer code, also when that comes before it is known to hang', () => {
  const world = started()
  world.save('hangs at import')
  world.wait(100)
  world.save('good')
  world.wait(1_000)
  assert.equal(world.live?.code?.version, 2)
  assert.equal(world.state.view.failedSwaps, 0)
})

test('a boot that is killed from outside is made again, and nothing is blamed', () => {
  const world = started()
  world.save('slow to boot')
  world.wait(100)
  killFromOutside(processIn(world, 'booting'))
  world.wait(1_000)
  assert.deepEqual([world.live?.code?.version, world.state.view.failedSwaps], [1, 0])
})

test('a roll-back boots the code that was live before, as it was kept; the files that are not live are named', () => {
  const world = started()
  world.save('good')
  world.wait(1_000)
  world.save('good')
  world.wait(1_000)
  world.rollBack()
  world.wait(1_000)
  assert.deepEqual([world.live?.code?.version, world.notLive], [1, ['f2']])
  assert.match(String(world.state.view.problem), /The change of f2 is not live: it was rolled back by hand/)
  assert.deepEqual([world.state.view.lastFailure, world.state.view.failedSwaps], [null, 0])
  world.rollBack()
  world.wait(1_000)
  assert.deepEqual([world.live?.code?.version, world.notLive], [0, ['f1', 'f2']], 'further back each time')
  killFromOutside(world.live ?? processIn(world, 'live'))
  world.wait(1_000)
  assert.equal(world.live?.code?.version, 0, 'the same after a crash')
  assert.throws(() => rollbackTarget(world.state, '2'), { code: 'KSI_NOT_FOUND' })
  world.save('good')
  world.wait(1_000)
  assert.deepEqual([world.live?.code?.version, world.notLive, world.state.view.problem], [3, [], null])
})

test('code that was rolled back from does not come back by itself; one that cannot be booted changes nothing', () => {
  const world = started()
  world.save('dies young')
  world.wait(100)
  world.save('good')
  world.wait(200)
  world.rollBack()
  world.wait(5_000)
  assert.equal(world.live?.code?.version ?? 1, 1, 'whoever rolled back to what dies has it, until the next save')
  world.save('good')
  world.wait(10_000)
  assert.deepEqual([world.live?.code?.version, world.notLive], [3, []])
})

test('a roll-back waits for nothing and is refused while other code goes live', () => {
  const world = started()
  world.save('slow to boot')
  world.wait(100)
  assert.throws(() => rollbackTarget(world.state, '1'), { code: 'KSI_RESTARTING' })
  assert.throws(() => rollbackTarget(world.state, undefined), { code: 'KSI_NOT_FOUND' })
})

test('a spare that was stopped costs a save about a second, not the save', () => {
  const world = started()
  processIn(world, 'spare').hang('stopped')
  world.save('good')
  world.wait(1_100)
  assert.deepEqual([world.live?.code?.version, world.state.view.failedSwaps], [1, 0])
  world.wait(40)
  processIn(world, 'spare').hang('stopped')
  world.save('good')
  world.wait(1_100)
  assert.deepEqual([world.live?.code?.version, world.state.view.failedSwaps], [2, 0], 'also one that had just begun')
})

test('a boot while the machine stood still is tried once more before it is blamed', () => {
  const world = started()
  world.stoodStillMs = 5_000
  world.save('hangs at import')
  world.wait(limits.bootMs + 100)
  assert.deepEqual([boots(world), world.state.view.failedSwaps], [3, 0])
  world.wait(limits.bootMs + 100)
  assert.deepEqual(world.state.view.lastFailure?.files, ['f1'])
})

test('code that throws when it retires is ended and named, and the new code goes live from the journal', () => {
  const world = started()
  world.save('throws when it retires')
  world.wait(7_000)
  world.save('good')
  world.wait(100)
  assert.equal(world.live?.code?.version, 2)
  assert.deepEqual([world.state.view.problem, world.state.view.lastFailure, world.notLive], [null, null, []])
  assert.deepEqual(told(world), ['f1'], 'not the file that mends it')
})

test('on a full disk the old code serves on, and the next save goes live', () => {
  const world = started()
  world.diskIsFull = true
  world.save('good')
  world.wait(100)
  assert.deepEqual([world.live?.code?.version, world.state.view.lastFailure?.files], [0, ['f1']])
  world.diskIsFull = false
  world.save('good')
  world.wait(100)
  assert.deepEqual([world.live?.code?.version, world.state.view.crashes], [2, 0])
})

test('a start-up that waits for ever keeps clients waiting for less than two seconds', () => {
  const world = started()
  world.save('never gets live')
  world.wait(1_900)
  assert.equal(world.live?.code?.version, 0)
  assert.match(String(world.state.view.problem), /^The change of f1 did not go live: no "live" within 1600 ms/)
})

test('one that is busy over and over when it goes live, as with a slow disk, is waited for', () => {
  const world = started()
  world.save('busy when it activates')
  world.wait(4_900)
  assert.deepEqual([world.state.view.lastFailure, world.state.view.phase], [null, 'swapping'])
  world.wait(200)
  assert.equal(world.live?.code?.version, 1)
})

test('one that is busy when it goes live has as long as a boot has', () => {
  const world = started()
  world.save('loops when it activates')
  world.wait(limits.bootMs - 100)
  assert.equal(world.state.view.lastFailure, null)
  world.wait(200)
  assert.equal(world.live?.code?.version, 0)
})
