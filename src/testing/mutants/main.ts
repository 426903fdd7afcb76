import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { randomFrom } from '../../lib/random.ts'
import { columnMutants, noColumnMutant } from './columns.ts'
import { keyMutants, noKeyMutant } from './keys.ts'
import { mistakes } from './mistakes.ts'
import type { Mutant } from './mutant.ts'
import { Workshop } from './workshop.ts'
import type { Verdict } from './workshop.ts'

/*
 * npm run test:mutants [-- --sample N] [--seed S] [--only mistake|key|column]
 * Makes mistakes on purpose, one after the other, and looks who refuses them: the nine that once passed, every key of
 * every reply, push and frame renamed, every column of the journal renamed. Exits with 1 when one is refused by nobody.
 */
/** In how many parts the fields are shown to the compiler, in each round. */
const strides = [12, 7]
const root = resolve(import.meta.dirname, '../../..')
const { values } = parseArgs({
  options: { sample: { type: 'string' }, seed: { type: 'string', default: '1' }, only: { type: 'string' } },
})
const say = (line: string): void => void process.stdout.write(`${line}\n`)

const generated = [...keyMutants(root), ...columnMutants(root)]
const chosen = values.sample === undefined ? generated : pick(generated, Number(values.sample), Number(values.seed))
const mutants = [...mistakes, ...chosen].filter(({ kind }) => values.only === undefined || kind === values.only)
const startedAt = performance.now()
const verdicts = new Map<Mutant, Verdict>()
{
  using one = new Workshop(root)
  using two = new Workshop(root)
  await Promise.all([assertHarmless(one, noColumnMutant(root)), assertHarmless(two, noKeyMutant())])
  for (const stride of strides) await judgeTogether([one, two], stride)
  say(`${verdicts.size} of ${mutants.length} were refused when the compiler saw many at once`)
  const queue = mutants.filter((mutant) => !verdicts.has(mutant)).values()
  await Promise.all([one, two].map((workshop) => work(workshop, queue)))
}
report()

/** A refusal says something only where what is no mistake passes. */
async function assertHarmless(workshop: Workshop, harmless: Mutant): Promise<void> {
  if (mutants.some(({ kind }) => kind === harmless.kind) && (await workshop.judge(harmless)) !== 'nobody')
    throw new Error(`${harmless.name} is refused: the tests fail whatever is done (${harmless.tests.join(', ')})`)
}

/** Fields far from each other in one go: neighbours of one object would hide each other. */
async function judgeTogether(workshops: Workshop[], stride: number): Promise<void> {
  const fields = mutants.filter((mutant) => mutant.field !== undefined && !verdicts.has(mutant))
  const batches = Array.from({ length: stride }, (_, at) => fields.filter((_field, i) => i % stride === at)).values()
  const take = async (workshop: Workshop): Promise<void> => {
    for (const batch of batches)
      for (const mutant of await workshop.missed(oneALine(batch))) verdicts.set(mutant, 'compiler')
  }
  await Promise.all(workshops.map(take))
}

function oneALine(batch: Mutant[]): Mutant[] {
  return [...new Map(batch.map((mutant) => [`${mutant.file}:${mutant.field?.line}`, mutant])).values()]
}

async function work(workshop: Workshop, queue: Iterator<Mutant>): Promise<void> {
  for (let next = queue.next(); next.done !== true; next = queue.next()) {
    const verdict = await workshop.judge(next.value)
    verdicts.set(next.value, verdict)
    if (verdict === 'nobody') say(`nobody refuses ${next.value.kind} ${next.value.name}`)
  }
}

function pick(all: Mutant[], count: number, seed: number): Mutant[] {
  const random = randomFrom(seed)
  return all
    .map((mutant) => ({ mutant, at: random() }))
    .sort((a, b) => a.at - b.at)
    .slice(0, count)
    .map(({ mutant }) => mutant)
}

function report(): void {
  say('kind      made  refused by the compiler  by a unit test  by nobody')
  for (const kind of ['mistake', 'key', 'column'] as const) {
    const found = [...verdicts].flatMap(([mutant, verdict]) => (mutant.kind === kind ? [verdict] : []))
    const count = (verdict: Verdict): number => found.filter((one) => one === verdict).length
    const cells = [found.length, count('compiler'), count('tests'), count('nobody')]
    const [made, compiler, tests, nobody] = cells.map(String)
    say(
      `${kind.padEnd(9)} ${made?.padStart(4)}  ${compiler?.padStart(23)}  ` +
        `${tests?.padStart(14)}  ${nobody?.padStart(9)}`,
    )
  }
  const survivors = [...verdicts].filter(([, verdict]) => verdict === 'nobody')
  say(`${verdicts.size} mutants in ${Math.round((performance.now() - startedAt) / 1_000)} s`)
  for (const [{ kind, name }] of survivors) say(`survived: ${kind} ${name}`)
  process.exitCode = survivors.length === 0 ? 0 : 1
}
