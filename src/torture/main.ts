import { execFileSync } from 'node:child_process'
import { parseArgs } from 'node:util'
import { findMutants } from './mutants.ts'
import { shrink, torture } from './play.ts'

/*
 * npm run torture [-- --minutes N] [--seed S] [--seeds N] [--count]
 * npm run torture -- --mutants
 * Plays worlds of the queue core, one a seed, until something is wrong or the time is over, and prints the seed, the
 * commit and the shortest list of steps that shows it; with --count it goes on and counts. With --mutants it makes each
 * of ten mistakes in a copy and counts the worlds that find it.
 */

const { values } = parseArgs({
  options: {
    minutes: { type: 'string' },
    seed: { type: 'string' },
    seeds: { type: 'string' },
    count: { type: 'boolean' },
    mutants: { type: 'boolean' },
  },
})

function commit(): string {
  try {
    return execFileSync('git', ['describe', '--always', '--dirty'], { encoding: 'utf8' }).trim()
  } catch {
    return 'of no checkout'
  }
}

async function play(): Promise<number> {
  const seed = Number(values.seed ?? 1)
  const atOnce = values.seed === undefined ? 1_000 : 1
  const seeds = Number(values.seeds ?? (values.minutes === undefined ? atOnce : Infinity))
  const end = performance.now() + Number(values.minutes ?? 60) * 60_000
  const begun = performance.now()
  const { played, failures, db } = await torture(
    seed,
    (done, failed) => done >= seeds || performance.now() > end || (failed > 0 && values.count !== true),
  )
  process.stdout.write(`${played} worlds in ${Math.round(performance.now() - begun)} ms, ${failures.length} wrong\n`)
  const [first] = failures
  if (first === undefined || values.count === true) return 0
  const steps = await shrink(db, first.steps)
  process.stdout.write(`seed ${first.seed}, commit ${commit()}: ${first.faults.join('; ')}\n`)
  for (const step of steps) process.stdout.write(`  ${JSON.stringify(step)}\n`)
  return 1
}

process.exitCode = values.mutants === true ? findMutants() : await play()
