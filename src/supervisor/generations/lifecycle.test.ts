import assert from 'node:assert/strict'
import { test } from 'node:test'
import { randomFrom } from '../../testing/random.ts'
import type { Timer } from './events.ts'
import { limits } from './testing/limits.ts'
import type { SimProcess } from './testing/sim-process.ts'
import { World } from './testing/world.ts'

/** A world in which the first generation is live and a spare waits. */
function started(): World {
  const world = new World(randomFrom(1))
  world.wait(1_000)
  assert.equal(world.state.view.phase, 'live')
  return world
}

function processIn(world: World, phase: string): SimProcess {
  const id = world.state.handles.find((handle) => handle.phase === phase)?.id ?? 0
  const process = world.processes.get(id)
  assert.ok(process, `there is no ${phase}`)
  return process
}

const killFromOutside = (process: SimProcess): void => process.die({ signal: 'SIGKILL', killedFromOutside: true })

/** Boots so far: one that went on to be live is one. */
const boots = (world: World): number =>
  world.effects.filter((effect) => effect.type === 'send' && effect.message.type === 'boot').length

const waits = (world: World, name: Timer): number[] =>
  world.effects.flatMap((effect) => (effect.type === 'startTimer' && effect.name === name ? [effect.ms] : []))

const told = (world: World): string[] =>
  world.effects.flatMap((effect) => {
    if (effect.type !== 'send') return []
    const { message } = effect
    if (message.type === 'failure') return message.failure.files
    return message.type === 'activate' ? message.failures.flatMap(({ files }) => files) : []
  })

test('a save boots the spare; lines are held from standby to live, and the one before is parked for the probation', () => {
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

test('one that is busy when it goes live has as long as a boot has', () => {
  const world = started()
  world.save('loops when it activates')
  world.wait(limits.bootMs - 100)
  assert.equal(world.state.view.lastFailure, null)
  world.wait(200)
  assert.equal(world.live?.code?.version, 0)
})

test('code that hangs in its fourth second gives way to the code before', () => {
  const world = started()
  world.save('hangs young')
  world.wait(4_000 + limits.heartbeatMs * 1.5)
  assert.equal(world.live?.code?.version, 0)
  assert.match(
    String(world.state.view.problem),
    /f1 died right after it went live \(it gave no sign of life for 5000 ms\)/,
  )
})

test('a kill from outside in the probation brings the newest code back', () => {
  const world = started()
  world.save('good')
  world.wait(100)
  killFromOutside(processIn(world, 'live'))
  world.wait(100)
  assert.deepEqual([world.live?.code?.version, world.state.view.problem], [1, null])
})

test('a failure that comes up while a generation goes live is told when it is', () => {
  const world = started()
  world.save('never gets live')
  world.wait(100)
  const error = { message: 'no runner' }
  const failure = { boot_id: 'r', cause: 'save', files: ['runner'], phase: 'import', error, at: 0 } as const
  world.tell(0, { type: 'failure', failure: { ...failure, files: ['runner'] } })
  world.wait(3_000)
  assert.deepEqual(told(world).sort(), ['f1', 'runner'])
})

test('after a crash with a broken save pending its file is still named', () => {
  const world = started()
  world.save('fails at import')
  world.wait(100)
  processIn(world, 'live').die({ code: 1 })
  world.wait(100)
  assert.deepEqual(world.state.view.lastFailure?.files, ['f1'])
  assert.match(String(world.state.view.problem), /^The change of f1 did not go live/)
})

test('code that cannot boot is tried ever more seldom while nobody is live', () => {
  const world = new World(randomFrom(1))
  world.save('fails at import')
  world.wait(20_000)
  assert.deepEqual(waits(world, 'retry').slice(0, 5), [250, 1_000, 5_000, 5_000, 5_000])
  assert.equal(world.state.view.phase, 'crashed')
})

test('kills from outside are answered at once, thirty times in ten seconds', () => {
  const world = started()
  for (let n = 0; n < 30; n++) {
    killFromOutside(processIn(world, 'live'))
    world.wait(200)
    assert.equal(world.state.view.phase, 'live', `after ${n + 1}`)
  }
  assert.deepEqual(waits(world, 'retry'), [])
})
