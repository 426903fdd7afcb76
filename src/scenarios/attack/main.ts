import { parseArgs } from 'node:util'
import { testsOtherCode } from '../../testing/contract-check.ts'
import { chooseSeed } from '../../testing/random.ts'
import { besiege } from './siege.ts'

/*
 * npm run test:attack [-- --minutes N --seed N --root CHECKOUT]
 * Attacks a ksi with lines made from its schemas and from raw bytes, and with what has hurt it before. Ends with 1 when
 * anything happened that should not have: a process that died, health that was late, a promise to others not kept.
 */
const { values } = parseArgs({
  options: { minutes: { type: 'string' }, seed: { type: 'string' }, root: { type: 'string' } },
})
const seed = Number(values.seed ?? chooseSeed())
process.stdout.write(`seed ${seed}\n`)
if (values.root !== undefined) testsOtherCode()
const report = await besiege({ ms: Number(values.minutes ?? 1) * 60_000, seed, root: values.root })
const { faults, rounds, health, memory } = report
for (const { at, what, during } of faults.slice(0, 100))
  process.stdout.write(`${at.toFixed(1)} s: ${what} (${during.join(', ')})\n`)
process.stdout.write(
  `${Object.entries(rounds)
    .map(([name, count]) => `${name} ${count}`)
    .join(' · ')}\n` +
    `health: ${health.asked} times, p99 ${health.p99.toFixed(1)} ms, slowest ${health.slowest.toFixed(0)} ms ` +
    `(of these the asker's own: p99 ${health.ownDelay.toFixed(1)} ms); ` +
    `all processes: at most ${memory} MB\n` +
    `${faults.length === 0 ? 'nothing happened' : `${faults.length} faults; repeat with --seed ${seed}`}\n`,
)
process.exit(faults.length === 0 ? 0 : 1)
