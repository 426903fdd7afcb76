import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { messageOf } from '../lib/errors.ts'
import { randomFrom } from '../lib/random.ts'
import type { Company } from './company.ts'
import { ComposeStage } from './compose-stage.ts'
import { clearLeftovers } from './leftovers.ts'
import { LocalStage } from './local-stage.ts'
import type { ScenarioName } from './names.ts'
import { play } from './play.ts'
import type { Played } from './play.ts'
import type { Kind, Stage } from './stage.ts'
import { Witness } from './witness.ts'
import { makeWorkplace, namePrefix } from './workplace.ts'
import type { Workplace } from './workplace.ts'

export interface SmokeOptions {
  /** the checkout whose source, as it lies there, is tested */
  from: string
  kind: Kind
  names: readonly ScenarioName[]
  seed: number
  /** leave it as it is at the end */
  keep: boolean
  env: NodeJS.ProcessEnv
  /** ends it early; what was made is removed all the same */
  signal: AbortSignal
  /** progress, a line each */
  say: (text: string) => void
  onRow: (row: Row) => void
}

/** A scenario, and how long it took with all its waiting, in ms. */
export interface Row extends Played {
  tookMs: number
}

export interface SmokeResult {
  ok: boolean
  kind: Kind
  name: string
  seed: number
  rows: Row[]
  /** those of `names` that were not played: after one that came to no end */
  skipped: ScenarioName[]
  /** what is wrong outside of the scenarios: it did not start, something was left behind */
  faults: string[]
  /** ended early, by the signal */
  interrupted: boolean
  /** the folder with logs, history and journal of one that failed */
  evidence: string | null
  /** the folder that was kept because it was asked for */
  kept: string | null
  tookMs: number
}

/** A scenario, with all its waiting, in ms. */
const scenarioMs = 180_000
const nothing = { kept: 0, of: 0 }

/**
 * Runs a ksi of its own, from a copy of a checkout, through the scenarios, and removes what it made.
 * @throws KsiError when there is no copy of the source to be had
 */
export async function runSmoke(options: SmokeOptions): Promise<SmokeResult> {
  const { from, kind, seed, signal, say } = options
  const began = performance.now()
  await clearLeftovers(kind, say)
  const workplace = makeWorkplace(from, kind)
  const all = new AbortController()
  const interrupt = (): void => all.abort(signal.reason)
  signal.addEventListener('abort', interrupt)
  const result = emptyResult(options, workplace.name)
  const stage = await makeStage(workplace, options, all.signal)
  const witness = new Witness(stage, all.signal)
  try {
    await playAll({ stage, witness, random: randomFrom(seed), signal: all.signal }, all, { options, result })
  } catch (error) {
    result.faults.push(messageOf(error))
  }
  result.interrupted = signal.aborted
  signal.removeEventListener('abort', interrupt)
  if (signal.aborted) result.faults = []
  const isWell = result.faults.length === 0 && result.rows.every(({ faults }) => faults.length === 0)
  if (!isWell && !result.interrupted) result.evidence = await keepEvidence(stage, { witness, result })
  witness.close()
  all.abort(new Error('the smoke is over'))
  await clearUp(workplace, { stage, keep: options.keep && !result.interrupted, result, say })
  result.ok = isWell && !result.interrupted && result.faults.length === 0
  result.tookMs = Math.round(performance.now() - began)
  return result
}

function emptyResult({ kind, seed }: SmokeOptions, name: string): SmokeResult {
  return {
    ok: false,
    kind,
    name,
    seed,
    rows: [],
    skipped: [],
    faults: [],
    interrupted: false,
    evidence: null,
    kept: null,
    tookMs: 0,
  }
}

async function makeStage({ root, name }: Workplace, options: SmokeOptions, signal: AbortSignal): Promise<Stage> {
  const { env, kind } = options
  if (kind === 'local') return LocalStage.create({ root, env })
  // The containers' user is another than the one whose folder this is.
  chmodSync(root, 0o755)
  return new ComposeStage({ root, project: name, env, signal })
}

interface Playing {
  options: SmokeOptions
  result: SmokeResult
}

async function playAll(company: Company, all: AbortController, { options, result }: Playing): Promise<void> {
  const { names, kind, say, onRow } = options
  const known = new Set<string>()
  result.skipped = [...names]
  say(kind === 'compose' ? `building and starting ${result.name} …` : `starting ${result.name} …`)
  await company.stage.start()
  await company.witness.client()
  for (const name of names) {
    say(`${name} …`)
    const began = performance.now()
    const late = new Error(`it came to no end within ${scenarioMs / 1_000} s`)
    const timer = setTimeout(() => all.abort(late), scenarioMs)
    const played = await play(name, company).catch((error: unknown) => brokenOff(name, error))
    clearTimeout(timer)
    if (options.signal.aborted) return
    const faults = played.faults.filter((fault) => !known.has(fault))
    for (const fault of faults) known.add(fault)
    const row = { ...played, faults, tookMs: Math.round(performance.now() - began) }
    result.rows.push(row)
    result.skipped = names.slice(result.rows.length)
    onRow(row)
    if (played.broken === true) return
  }
}

function brokenOff(name: ScenarioName, error: unknown): Played {
  const faults = [messageOf(error)]
  return { name, restartMs: null, queued: nothing, running: nothing, told: 0, again: 0, faults, broken: true }
}

/** @returns the folder */
async function keepEvidence(stage: Stage, { witness, result }: { witness: Witness; result: SmokeResult }) {
  const folder = join(tmpdir(), `${namePrefix}failed-${result.name.slice(namePrefix.length)}`)
  try {
    mkdirSync(folder, { mode: 0o700 })
    writeFileSync(join(folder, 'history.jsonl'), witness.told.map((told) => `${JSON.stringify(told)}\n`).join(''))
    writeFileSync(join(folder, 'result.json'), JSON.stringify(result, null, 2))
    await stage.keepEvidence(folder)
  } catch (error) {
    result.faults.push(`not all of what tells of the failure could be kept in ${folder}: ${messageOf(error)}`)
  }
  return folder
}

interface Clearing {
  stage: Stage
  keep: boolean
  result: SmokeResult
  say: (text: string) => void
}

async function clearUp(workplace: Workplace, { stage, keep, result, say }: Clearing): Promise<void> {
  if (keep) {
    workplace.keep()
    result.kept = workplace.root
    if (stage.kind === 'compose') return
  } else say('clearing up …')
  const left = await stage.end()
  if (left.length > 0) result.faults.push(`left behind: ${left.join(', ')}`)
  // With it goes the note by which the next smoke knows that there is something left.
  else if (!keep) workplace.remove()
}
