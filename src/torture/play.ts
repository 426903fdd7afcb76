import { messageOf } from '../lib/errors.ts'
import { MemoryDatabase } from '../store/testing/memory-journal.ts'
import { randomFrom } from '../lib/random.ts'
import { World, acts } from './world.ts'
import type { Act, Step } from './world.ts'

/** How often each thing happens, beside the others. */
const weights: Record<Act, number> = {
  accept: 10,
  inject: 4,
  cancel: 3,
  retry: 1,
  dispatch: 12,
  'run ends': 10,
  'take in': 10,
  sync: 8,
  advance: 4,
  crash: 2,
  'crash while starting': 1,
  'power cut': 1,
  'runner dies': 1,
  'clock jumps': 1,
  'disk fails': 2,
  'restore again': 1,
}
const all = acts.flatMap((act) => Array.from({ length: weights[act] }, () => act))

/** What happens in the world of a seed. */
function stepsOf(seed: number): Step[] {
  const random = randomFrom(seed)
  const whole = (below: number): number => Math.floor(random() * below)
  return Array.from({ length: 20 + whole(60) }, () => [all[whole(all.length)] ?? 'dispatch', whole(100), whole(100)])
}

/** Plays steps in a world of their own. @returns what is wrong */
async function play(db: MemoryDatabase, steps: readonly Step[]): Promise<string[]> {
  const world = new World(db)
  try {
    for (const step of steps) await world.take(step)
    await world.finish()
    return world.faults
  } catch (error) {
    return [`thrown: ${messageOf(error)}`]
  } finally {
    db.reset()
  }
}

/** The shortest list of these steps in which something still goes wrong, as far as leaving out finds it. */
export async function shrink(db: MemoryDatabase, steps: readonly Step[]): Promise<Step[]> {
  let shortest = [...steps]
  for (let size = Math.ceil(shortest.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let at = 0; at < shortest.length;) {
      const shorter = shortest.toSpliced(at, size)
      if ((await play(db, shorter)).length > 0) shortest = shorter
      else at += size
    }
  }
  return shortest
}

export interface Failure {
  seed: number
  faults: string[]
  steps: Step[]
}

/** Plays one world after the other. @param until asked after each seed. @returns those in which something is wrong */
export async function torture(from: number, until: (played: number, failures: number) => boolean) {
  const db = new MemoryDatabase()
  const failures: Failure[] = []
  let played = 0
  while (!until(played, failures.length)) {
    const [seed, steps] = [from + played, stepsOf(from + played)]
    const faults = await play(db, steps)
    if (faults.length > 0) failures.push({ seed, faults, steps })
    played += 1
  }
  return { played, failures, db }
}
