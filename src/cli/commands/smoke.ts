import { constants } from 'node:os'
import { exitCodes, KsiError } from '../../lib/errors.ts'
import { scenarioNames } from '../../smoke/names.ts'
import type { ScenarioName } from '../../smoke/names.ts'
import type { Kind } from '../../smoke/stage.ts'
import { didYouMean } from '../arguments.ts'
import type { Command, Invocation } from '../command.ts'
import { paint, say } from '../output.ts'
import { findSupervisor } from '../supervisor-process.ts'

const names: readonly ScenarioName[] = scenarioNames.map(({ name }) => name)
const maxSeed = 2 ** 32 - 1

export const smoke: Command = {
  usage: 'smoke [--compose | --local] [--only NAME] [--junit FILE] [--keep] [--seed N]',
  examples: [
    ['smoke', 'save, break, kill, stop and recreate a ksi of its own, and see that nothing is lost'],
    ['smoke --compose --junit smoke.xml', 'in Docker, with a report for CI'],
    ['smoke --local --only save', 'one scenario, without Docker'],
  ],
  options: {
    compose: { type: 'boolean', help: 'in Docker; what is done where an engine answers' },
    local: { type: 'boolean', help: 'without Docker' },
    only: { type: 'string', help: `NAME  one scenario: ${names.join(', ')}` },
    junit: { type: 'string', help: 'FILE  write a report in JUnit form' },
    keep: { type: 'boolean', help: 'leave stack and folder as they are, and say where' },
    seed: { type: 'string', help: 'N  the numbers it makes up, as another run printed them' },
  },
  notes: [
    'Works on a copy of the source as it lies there, under a name and on ports of its own: never on your stack,',
    'your volumes or your var/. What it made is gone at the end, also after Ctrl-C; what tells of a failure is kept',
    'in a folder of its own, which it names. Exits with 1 when something was not as promised.',
  ],
  run: async (invocation) => {
    const only = readOnly(invocation.values['only'])
    const seed = readSeed(invocation.values['seed'])
    findSupervisor(invocation.place.root)
    const report = await import('../smoke-report.ts')
    const junit = invocation.values['junit']
    if (typeof junit === 'string') report.assertWritable(junit)
    const kind = await chooseKind(invocation)
    const { runSmoke } = await import('../../smoke/smoke.ts')
    using interrupted = untilInterrupted()
    const chosen = only === undefined ? names : [only]
    const told = { kind, json: invocation.json }
    report.printHead(told)
    const result = await runSmoke({
      kind,
      seed,
      from: invocation.place.root,
      names: chosen,
      keep: invocation.values['keep'] === true,
      env: invocation.env,
      signal: interrupted.signal,
      say: (text) => say(paint('dim', text)),
      onRow: (row) => report.printRow(row, told),
    })
    if (typeof junit === 'string') report.writeJunit(junit, result)
    report.printEnd(result, told)
    if (interrupted.by !== undefined) return 128 + constants.signals[interrupted.by]
    return result.ok ? exitCodes.ok : exitCodes.failed
  },
}

async function chooseKind({ values }: Invocation): Promise<Kind> {
  const { compose, local } = values
  if (compose === true && local === true)
    throw new KsiError('KSI_BAD_REQUEST', 'Say --compose or --local: it is played in one place.')
  if (local === true) return 'local'
  const { noEngine } = await import('../../smoke/docker.ts')
  const why = await noEngine()
  if (why === undefined) return 'compose'
  if (compose === true)
    throw new KsiError(
      'KSI_UNREACHABLE',
      `No Docker Engine with Compose answers (${why}). \`ksi smoke --local\` needs none.`,
    )
  say(`ksi: no Docker Engine with Compose answers (${why}): this is --local.`)
  return 'local'
}

function readOnly(given: string | boolean | undefined): ScenarioName | undefined {
  if (given === undefined) return undefined
  const name = names.find((known) => known === given)
  if (name !== undefined) return name
  const hint = didYouMean(String(given), names)
  throw new KsiError(
    'KSI_BAD_REQUEST',
    `There is no scenario "${String(given)}".${hint} There are: ${names.join(', ')}.`,
  )
}

function readSeed(given: string | boolean | undefined): number {
  if (given === undefined) return Math.floor(Math.random() * 1_000_000)
  const seed = Number(given)
  if (typeof given === 'string' && /^\d+$/.test(given) && seed <= maxSeed) return seed
  throw new KsiError('KSI_BAD_REQUEST', `--seed takes a whole number up to ${maxSeed}, not "${String(given)}".`)
}

/** Ctrl-C and its like end the work, and not the clearing up after it: that has time limits of its own. */
function untilInterrupted(): { signal: AbortSignal; by: NodeJS.Signals | undefined } & Disposable {
  const controller = new AbortController()
  const state: { by: NodeJS.Signals | undefined } = { by: undefined }
  const onSignal = (by: NodeJS.Signals): void => {
    say(`ksi: ${by}: ${state.by === undefined ? 'ending, and clearing up …' : 'still clearing up …'}`)
    state.by ??= by
    controller.abort(new Error(`ended by ${by}`))
  }
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  for (const signal of signals) process.on(signal, onSignal)
  // Nobody reads the table any more (`ksi smoke | head`): what was started is to be ended all the same.
  process.stdout.removeAllListeners('error')
  const onGone = (): void => onSignal('SIGPIPE')
  process.stdout.on('error', onGone)
  process.stderr.on('error', () => {})
  return {
    signal: controller.signal,
    get by() {
      return state.by
    },
    [Symbol.dispose]() {
      for (const signal of signals) process.off(signal, onSignal)
    },
  }
}
