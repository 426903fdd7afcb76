import assert from 'node:assert/strict'
import { test } from 'node:test'
import { randomFrom } from '../../testing/random.ts'
import { limits } from './testing/limits.ts'
import { killFromOutside, processIn, started, told, waits } from './testing/looking.ts'
import { World } from './testing/world.ts'

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
  assert.match(String(world.state.view.problem), /^The change of f1 is not live: broken at import/)
})

test('a crash while what is on disk does not boot: what was live serves on, and says why, until a save is well', () => {
  const world = started()
  world.save('good')
  world.wait(1_000)
  world.save('fails at import')
  world.wait(7_000)
  for (let n = 0; n < 2; n++) {
    processIn(world, 'live').die({ code: 1 })
    world.wait(300)
    const { phase, problem, lastFailure } = world.state.view
    assert.deepEqual([phase, world.live?.code?.version, world.notLive, lastFailure?.files], ['live', 1, ['f2'], ['f2']])
    assert.match(
      String(problem),
      /^The change of f2 is not live: broken at import\. After a crash the code that was live/,
    )
    world.wait(2_000)
  }
  world.save('fails at import')
  world.wait(2_000)
  assert.deepEqual([world.live?.code?.version, world.notLive], [1, ['f2', 'f3']])
  world.save('good')
  world.wait(2_000)
  assert.deepEqual([world.live?.code?.version, world.notLive, world.state.view.problem], [4, [], null])
})

test('what was live dies again and again: it is booted ever more seldom', () => {
  const world = started()
  world.save('fails at import')
  world.wait(7_000)
  for (let n = 0; n < 4; n++) {
    while (world.live === undefined) world.wait(10)
    processIn(world, 'live').die({ code: 1 })
    world.wait(10)
  }
  assert.deepEqual(waits(world, 'retry').slice(0, 3), [250, 1_000, 5_000])
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

test('the front is told why nobody is attached any more: what was given is blamed for a death alone', () => {
  const causes = (world: World): string[] =>
    world.effects.flatMap((effect) => (effect.type === 'detach' ? [effect.cause] : []))
  const world = started()
  world.save('good')
  world.wait(100)
  killFromOutside(processIn(world, 'live'))
  world.wait(100)
  assert.deepEqual(causes(world), ['handover', 'outside'])
  processIn(world, 'live').die({ code: 1 })
  world.wait(100)
  assert.equal(causes(world).at(-1), 'probation', 'the code has just changed, and is rolled back')
  world.wait(limits.probationMs + 10_000)
  processIn(world, 'live').die({ code: 1 })
  world.wait(100)
  assert.equal(causes(world).at(-1), 'death')
})
