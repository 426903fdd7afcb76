import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { sleep } from '../lib/backoff.ts'
import type { Company } from './company.ts'
import type { ScenarioName } from './names.ts'
import { firstsOf } from './share.ts'
import type { Share } from './share.ts'
import type { Probe } from './probe.ts'
import { stopReason } from './stage.ts'
import type { Stage } from './stage.ts'
import type { Witness } from './witness.ts'

/** What an act has to work with. */
interface Scene extends Company {
  probe: Probe
  share: Share
}

/** What an act did: from when its restart counts (`performance.now()`), and what was wrong. */
interface Acted {
  since?: number
  faults?: string[]
}

interface Act {
  /** what runs when it acts may be lost, and is then told; else it runs on */
  loses?: true
  /** connections may be cut */
  cuts?: true
  /** nothing is restarted by it */
  restartsNothing?: true
  /** containers are stopped and started: what runs is to take longer */
  slow?: true
  act: (scene: Scene) => Promise<Acted>
}

const file = 'src/daemon/health.ts'
const lookMs = 10
const limitMs = 30_000

/** What is done in each scenario, and what it may cost. */
export const acts: Record<ScenarioName, Act> = {
  save: { act: async ({ stage }) => ({ since: save(stage, 'saved by ksi smoke') }) },
  'broken-save': { act: breakAndRepair },
  generation: {
    act: async ({ stage, probe }) => {
      await stage.killGeneration(probe.now.pid)
      return {}
    },
  },
  runner: { loses: true, restartsNothing: true, act: killRunner },
  container: {
    cuts: true,
    slow: true,
    act: async ({ stage }) => {
      await stage.killDaemon()
      await stage.start()
      return {}
    },
  },
  recreate: {
    cuts: true,
    slow: true,
    act: async ({ stage }) => {
      await stage.recreate()
      return {}
    },
  },
  'up-again': {
    restartsNothing: true,
    slow: true,
    act: async ({ stage }) => ({ faults: await stage.startAgain() }),
  },
  stop: { loses: true, cuts: true, slow: true, act: (scene) => stopAndStart(scene, () => scene.stage.stop()) },
  down: { loses: true, cuts: true, slow: true, act: (scene) => stopAndStart(scene, () => scene.stage.down()) },
}

/** @returns when */
function save(stage: Stage, note: string): number {
  appendFileSync(join(stage.root, file), `\n// ${note}\n`)
  return performance.now()
}

async function breakAndRepair({ stage, witness, probe, signal }: Scene): Promise<Acted> {
  const path = join(stage.root, file)
  const whole = readFileSync(path, 'utf8')
  const before = probe.now
  const from = witness.told.length
  writeFileSync(path, `${whole}\nconst = 1\n`)
  const said = await untilFound(() => witness.told.slice(from).find(({ event }) => event === 'system:reload_failed'), {
    what: 'nobody was told that the broken save failed',
    signal,
  })
  const faults = [
    ...(JSON.stringify(said.data).includes(file) ? [] : [`what was told of the broken save does not name ${file}`]),
    ...(probe.now.boot === before.boot ? [] : ['the code before the broken save did not serve on']),
  ]
  writeFileSync(path, `${whole}\n// repaired by ksi smoke\n`)
  return { since: performance.now(), faults }
}

async function killRunner({ stage, witness, share, signal }: Scene): Promise<Acted> {
  const client = await witness.client()
  const { runners } = await client.request('supervisor:status')
  const accepting = (Array.isArray(runners) ? runners : []).find((runner) => runner.accepting === true)
  const started = (await stage.runnerLog()).find(({ runner, pid }) => runner === accepting?.id && pid !== undefined)
  if (started === undefined) throw new Error('no runner takes new work')
  await stage.killRunner(Number(started['pid']))
  const firsts = firstsOf(share)
  const isTold = (id: string): boolean => witness.again.has(id) || witness.history.outcomes.has(id)
  await untilFound(() => (firsts.every(isTold) ? true : undefined), {
    what: 'nobody was told what became of what ran in the runner that was killed',
    signal,
  })
  return {}
}

async function stopAndStart({ stage, witness }: Scene, stop: () => Promise<string[]>): Promise<Acted> {
  const before = await newestStop(await witness.client(), stopReason[stage.kind])
  const faults = await stop()
  const since = performance.now()
  await stage.start()
  const after = await newestStop(await witness.client(), stopReason[stage.kind])
  if (after <= before) faults.push(`the stop left no checkpoint with the reason ${stopReason[stage.kind]}`)
  return { since, faults }
}

/** The id of the newest checkpoint with this reason; 0 when there is none. */
async function newestStop(client: Awaited<ReturnType<Witness['client']>>, reason: string): Promise<number> {
  const { checkpoints } = await client.request('dev:checkpoint', { action: 'list' })
  const found = (Array.isArray(checkpoints) ? checkpoints : []).find((checkpoint) => checkpoint.reason === reason)
  return Number(found?.id ?? 0)
}

/** Looks until there is something. @throws Error when there is nothing in time */
async function untilFound<T>(look: () => T | undefined, about: { what: string; signal: AbortSignal }): Promise<T> {
  for (const until = performance.now() + limitMs; ; await sleep(lookMs, about.signal)) {
    about.signal.throwIfAborted()
    const found = look()
    if (found !== undefined) return found
    if (performance.now() > until) throw new Error(about.what)
  }
}
