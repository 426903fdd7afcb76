import assert from 'node:assert/strict'
import { randomFrom } from '../../../lib/random.ts'
import type { Timer } from '../events.ts'
import type { SimProcess } from './sim-process.ts'
import { World } from './world.ts'

/** A world in which the first generation is live and a spare waits. */
export function started(): World {
  const world = new World(randomFrom(1))
  world.wait(1_000)
  assert.equal(world.state.view.phase, 'live')
  return world
}

export function processIn(world: World, phase: string): SimProcess {
  const id = world.state.handles.find((handle) => handle.phase === phase)?.id ?? 0
  const process = world.processes.get(id)
  assert.ok(process, `there is no ${phase}`)
  return process
}

export const killFromOutside = (process: SimProcess): void =>
  process.die({ signal: 'SIGKILL', killedFromOutside: true })

/** Boots so far: one that went on to be live is one. */
export const boots = (world: World): number =>
  world.effects.filter((effect) => effect.type === 'send' && effect.message.type === 'boot').length

export const waits = (world: World, name: Timer): number[] =>
  world.effects.flatMap((effect) => (effect.type === 'startTimer' && effect.name === name ? [effect.ms] : []))

export const told = (world: World): string[] =>
  world.effects.flatMap((effect) => {
    if (effect.type !== 'send') return []
    const { message } = effect
    if (message.type === 'failure') return message.failure.files
    return message.type === 'activate' ? message.failures.flatMap(({ files }) => files) : []
  })
