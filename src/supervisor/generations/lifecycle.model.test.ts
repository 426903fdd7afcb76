import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { chooseSeed, randomFrom } from '../../testing/random.ts'
import type { Effect, GenerationEvent } from './events.ts'
import { isBooting } from './questions.ts'
import { limits } from './testing/limits.ts'
import { kinds } from './testing/sim-process.ts'
import type { Kind, SimProcess } from './testing/sim-process.ts'
import { fileOf, World } from './testing/world.ts'

const runs = 5_000
const seed = chooseSeed()

/** What people and machines do to it. */
type Act =
  | { do: 'save'; kind: Kind }
  | { do: 'deliver'; count: number }
  | { do: 'wait'; ms: number }
  | { do: 'kill' | 'crash' | 'hang' | 'stop process' | 'debug' | 'let go of'; which: number }
  | { do: 'roll back' }
  | { do: 'fill disk' | 'free disk' | 'use up processes' | 'free processes' }

type Harm = Extract<Act, { which: number }>['do']

const act: fc.Arbitrary<Act> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('save' as const), kind: fc.constantFrom(...kinds) }) },
  { weight: 1, arbitrary: fc.constant({ do: 'roll back' as const }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('deliver' as const), count: fc.nat(12) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('wait' as const),
      ms: fc.constantFrom(0, 10, 30, 300, 1_200, 3_000, 7_000),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom<Harm>('kill', 'crash', 'hang', 'stop process', 'debug', 'let go of'),
      which: fc.nat(5),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constantFrom(
        'fill disk' as const,
        'free disk' as const,
        'use up processes' as const,
        'free processes' as const,
      ),
    }),
  },
)

test('whatever happens in whatever order: one is live, no change is forgotten, only what is not live blamed', (t) => {
  t.diagnostic(`KSI_SEED=${seed}`)
  const property = fc.property(fc.array(act, { maxLength: 40, size: 'max' }), fc.nat(), (acts, order) => {
    const world = new World(randomFrom(order), check)
    for (const one of acts) perform(world, one)
    world.diskIsFull = world.cannotFork = false
    for (const process of world.processes.values()) process.isDebugged = false
    world.wait(90_000)
    assertQuiet(world)
    world.save('good')
    world.wait(60_000)
    assertQuiet(world)
    assert.equal(world.live?.code?.version, world.disk.version, 'the mended save is live')
    assert.equal(world.state.view.phase, 'live')
    assert.deepEqual([world.state.view.problem, world.state.view.lastFailure, world.notLive], [null, null, []])
  })
  fc.assert(property, { numRuns: runs, seed })
})

test('a stop ends all of it in time, whatever is going on', (t) => {
  t.diagnostic(`KSI_SEED=${seed}`)
  const property = fc.property(fc.array(act, { maxLength: 25, size: 'max' }), fc.nat(), (acts, order) => {
    const world = new World(randomFrom(order), check)
    for (const one of acts) perform(world, one)
    world.tell(0, { type: 'stop', reason: 'shutdown' })
    world.wait(25_000)
    assert.deepEqual(world.state.handles, [])
    assert.equal(world.effects.filter(({ type }) => type === 'stopped').length, 1)
  })
  fc.assert(property, { numRuns: Math.ceil(runs / 3), seed })
})

function perform(world: World, one: Act): void {
  switch (one.do) {
    case 'save':
      return world.save(one.kind)
    case 'deliver':
      for (let n = 0; n < one.count; n++) world.deliver()
      return
    case 'wait':
      return world.wait(one.ms)
    case 'roll back':
      return world.rollBack()
    case 'fill disk':
    case 'free disk':
      world.diskIsFull = one.do === 'fill disk'
      return
    case 'use up processes':
    case 'free processes':
      world.cannotFork = one.do === 'use up processes'
      return
    default: {
      const alive = [...world.processes.values()].filter(({ isAlive }) => isAlive)
      const process = alive[one.which % Math.max(alive.length, 1)]
      if (process !== undefined) harm(process, one.do)
    }
  }
}

/** With this exit code those end to which a debugger was attached. */
const debuggedCode = 99

function harm(process: SimProcess, how: Harm): void {
  if (how === 'debug' || how === 'let go of') process.isDebugged = how === 'debug'
  else if (how === 'crash' && process.isDebugged) process.die({ code: debuggedCode })
  else if (how === 'kill') process.die({ signal: 'SIGKILL', killedFromOutside: true })
  else if (how === 'crash') process.die({ code: 1 })
  // A spare has none of our code that could loop.
  else process.hang(how === 'hang' && process.code !== undefined ? 'looping' : 'stopped')
}

const waits = new Set([250, 1_000, 5_000])

/** What holds after every step. */
function check(world: World, event: GenerationEvent, effects: readonly Effect[]): void {
  const { state } = world
  const writing = [...world.processes.values()].filter(({ isLive }) => isLive)
  assert.ok(writing.length <= 1, `${writing.length} write to the journal after ${event.type}`)
  const live = state.handles.filter(({ phase }) => phase === 'live')
  assert.ok(live.length <= 1, 'more than one is live')
  if (world.attached !== null)
    assert.ok(
      state.handles.some(({ id, phase }) => id === world.attached && (phase === 'live' || phase === 'retiring')),
      'lines go to one that is not live',
    )
  for (const file of world.reallyNotLive) {
    if (state.stopping === null) assert.ok(world.notLive.includes(file), `${file} is forgotten after ${event.type}`)
  }
  for (const effect of effects) {
    if (effect.type === 'startTimer' && effect.name === 'retry')
      assert.ok(waits.has(effect.ms), `a back-off of ${effect.ms} ms`)
  }
  const { lastFailure, problem } = state.view
  assert.doesNotMatch(
    lastFailure?.error.message ?? '',
    /was killed by SIGKILL|could not be started|exit code 99/,
    'killed from outside, debugged or never started, and blamed',
  )
  if (lastFailure !== null && state.stopping === null)
    for (const file of lastFailure.files) {
      assert.ok(problem !== null, 'a failure without a problem')
      assert.ok(world.notLive.includes(file), `${file} is blamed and live`)
    }
}

/** What holds when nothing is under way any more, save a restart that waits for its time. */
function assertQuiet(world: World): void {
  const { state } = world
  const busy = state.handles.filter(
    ({ phase }) => !['live', 'spare', 'parked', 'booting', 'activating'].includes(phase),
  )
  assert.deepEqual(busy, [])
  if (isBooting(state))
    assert.ok(world.now - (state.swap?.takenAt ?? 0) <= 2 * limits.bootMs + 100, 'a boot that never ends')
  assert.ok(
    world.live !== undefined || state.swap !== null || state.pending !== null,
    'nobody is live, and nobody tries',
  )
  // With nobody live nothing is; that no change is missing is checked after every step.
  if (world.live !== undefined)
    assert.deepEqual([...world.notLive].sort(), [...world.reallyNotLive].sort(), 'what is not live')
  const { lastFailure } = state.view
  if (lastFailure !== null && state.swap === null && state.pending === null)
    assert.deepEqual([...lastFailure.files].sort(), [...world.notLive].sort(), 'who is blamed')
  assert.ok(world.told.every((code) => code.version <= world.disk.version && fileOf(code) !== ''))
}
