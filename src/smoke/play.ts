import { sleep } from '../lib/backoff.ts'
import { acts } from './acts.ts'
import type { Company } from './company.ts'
import type { ScenarioName } from './names.ts'
import { Probe } from './probe.ts'
import { firstsOf, idsOf, sendShare } from './share.ts'
import type { Share } from './share.ts'
import type { Kind } from './stage.ts'
import { judgeShare } from './verdict.ts'
import type { Verdict } from './verdict.ts'

/** One scenario as it was played. */
export interface Played extends Verdict {
  name: ScenarioName
  /** null where nothing is restarted */
  restartMs: number | null
  /** it came to no end: nobody knows what state it has left */
  broken?: true
}

/** How long what runs takes, in ms: longer than it takes to do something to ksi. */
const longMs: Record<Kind, { quick: number; slow: number }> = {
  local: { quick: 1_200, slow: 2_500 },
  compose: { quick: 2_000, slow: 6_000 },
}
const maxTries = 3
const shortMs = 20
const lookMs = 20
const startMs = 30_000
const spareMs = 3_000
const settleMs = 60_000
const restartLimitMs = 60_000
/** Nothing runs and nothing is told for so long: what has no outcome by now gets none. */
const idleMs = 3_000

/**
 * Has work running and waiting, does to ksi what the scenario says, and sees what became of the work. Where a slow
 * machine was through with the work by then, it is played again with work that takes longer.
 */
export async function play(name: ScenarioName, company: Company): Promise<Played> {
  const faults: string[] = []
  for (let tries = 1; ; tries++) {
    const { wasBusy, ...played } = await playOnce(name, company, tries)
    faults.push(...played.faults)
    if (!wasBusy && tries === maxTries) faults.push(`the work was over before it was to be kept, ${tries} times`)
    if (wasBusy || tries === maxTries) return { ...played, faults }
  }
}

async function playOnce(name: ScenarioName, company: Company, tries: number): Promise<Played & { wasBusy: boolean }> {
  const { stage, witness, random, signal } = company
  const { act, slow = false, cuts = false, restartsNothing = false } = acts[name]
  const client = await witness.client()
  using probe = await Probe.start(stage, signal)
  await untilSpare(company)
  const share = await sendShare(client, tries === 1 ? name : `${name}${tries}`, {
    conversations: 4 + 2 * Math.floor(random() * 2),
    // Of fewer than three that wait, one order is hardly told from another.
    waiting: 3 + Math.floor(random() * 2),
    longMs: longMs[stage.kind][slow ? 'slow' : 'quick'] * 2 ** (tries - 1),
    shortMs,
  })
  await until(() => firstsOf(share).every((id) => witness.started.has(id)), startMs, signal)
  await sleep(random() * 150, signal)
  const before = probe.now.boot
  const { since, faults = [] } = await act({ ...company, probe, share })
  if (!restartsNothing) {
    const isBack = await until(() => probe.now.boot !== before, restartLimitMs, signal)
    if (!isBack) faults.push(`no other generation answered within ${restartLimitMs} ms`)
  }
  const hadWork = witness.history.unfinished(idsOf(share)).length > 0
  const restartMs = restartsNothing ? null : Math.round(probe.took(since))
  if (witness.isCut && !cuts) faults.push('the connection of a client was cut')
  await untilSettled(share, company)
  const verdict = await judgeShare(name, share, company)
  const wasBusy = hadWork || verdict.told + verdict.again > 0
  return { ...verdict, name, restartMs, faults: [...faults, ...verdict.faults], wasBusy }
}

/** A save is taken over by a spare, which is there soon after the last one: as it is when somebody edits. */
async function untilSpare({ witness, signal }: Company): Promise<void> {
  const client = await witness.client()
  for (const limit = performance.now() + spareMs; performance.now() < limit; await sleep(lookMs, signal))
    if ((await client.request('supervisor:status'))['spare'] === true) return
}

/** Waits until all of a share has an outcome, or until nothing moves any more: then some of it gets none. */
async function untilSettled(share: Share, { witness, signal }: Company): Promise<void> {
  const isDone = (): boolean => witness.history.unfinished(idsOf(share)).length === 0
  let told = { last: -1, at: performance.now() }
  for (
    const limit = performance.now() + settleMs;
    !isDone() && performance.now() < limit;
    await sleep(lookMs, signal)
  ) {
    signal.throwIfAborted()
    const client = await witness.client()
    const { active_completions: running } = await client.request('completion:status')
    if (witness.last !== told.last || Number(running) > 0) told = { last: witness.last, at: performance.now() }
    else if (performance.now() - told.at > idleMs) return
  }
}

/** @returns whether it came to pass in time */
async function until(test: () => boolean, limitMs: number, signal: AbortSignal): Promise<boolean> {
  for (const limit = performance.now() + limitMs; !test(); await sleep(lookMs, signal)) {
    signal.throwIfAborted()
    if (performance.now() > limit) return false
  }
  return true
}
