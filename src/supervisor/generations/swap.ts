import type { BootFailure, Phases } from '../../contracts/control.ts'
import type { Crash } from '../../lib/crash-backoff.ts'
import { roundMs } from '../../lib/time.ts'
import type { ErrorReport } from '../../lib/errors.ts'
import { theChange, union, untoldWith } from './blame.ts'
import { refillSoon, stopSwapTimers } from './boot.ts'
import { activating, live, parked } from './questions.ts'
import type { Live, Swap } from './state.ts'
import type { Turn } from './turn.ts'

/** How long, in ms, a generation may take to let go. */
export const retireMs = 3_000
/**
 * Where another generation can take the journal back, one that is not live after so long, in ms, is asked whether it is
 * busy: clients wait.
 */
const stuckMs = 1_000

/** Lines are held from now on, and the old generation lets go. */
export function retire(turn: Turn, swap: Swap, oldId: number): void {
  turn.do({ type: 'hold' })
  turn.do({ type: 'unwatch', id: oldId })
  turn.send(oldId, { type: 'retire', reason: 'reload', files: [...swap.change.files] })
  turn.move(oldId, 'retiring')
  turn.swapping({ heldAt: turn.now.ms })
  turn.startTimer('retire', retireMs, oldId)
  turn.stopTimers('probation')
}

/** The new generation gets the journal. */
export function activate(turn: Turn, swap: Swap): void {
  const { change, heldAt } = swap
  if (heldAt !== null) turn.swapping({ phases: { ...swap.phases, retire: roundMs(turn.now.ms - heldAt) } })
  giveJournal(turn, swap.id, { ...change, files: [...change.files], boot_id: swap.bootId })
  if (parked(turn.state) !== undefined) turn.startTimer('stuck', Math.min(stuckMs, turn.state.limits.bootMs), swap.id)
}

/** Tells a process to go live, and what it has to know of the past. */
export function giveJournal(
  turn: Turn,
  id: number,
  { boot_id, cause, files, at }: { boot_id: string; cause: Swap['change']['cause']; files: string[]; at: number },
): void {
  const { previousEnd, untold, limits, view } = turn.state
  const floor = view.generation ?? 0
  turn.move(id, 'activating', { holds: true })
  turn.set({ telling: untold })
  turn.send(id, { type: 'activate', boot_id, cause, files, at, ...previousEnd, failures: [...untold], floor })
  turn.startTimer('activate', limits.bootMs, id)
}

/** Somebody is live again: what holds for new code and for what took the journal back. */
export function becameLive(turn: Turn, id: number, reply: Live): void {
  turn.stopTimers('activate', 'stuck')
  turn.move(id, 'live')
  turn.do({ type: 'attach', id })
  turn.do({ type: 'watch', id })
  const { untold, telling } = turn.state
  for (const failure of untold) if (!telling.includes(failure)) turn.send(id, { type: 'failure', failure })
  turn.set({ untold: [], telling: [] })
  turn.show({ generation: reply.generation, liveSince: turn.now.at, nextTryAt: null })
  turn.showPhase('live')
}

/** The change is live. */
export function swapIsLive(turn: Turn, swap: Swap, reply: Live): void {
  becameLive(turn, swap.id, reply)
  const { change, waiters, heldAt } = swap
  const { view, failed, liveFiles, sinceParked, limits, backoff } = turn.state
  const phases: Phases = { ...swap.phases, ...reply.phases, total: turn.now.at - change.at }
  if (heldAt !== null) phases.hold = roundMs(turn.now.ms - heldAt)
  const bySave = change.cause === 'save' || change.cause === 'reload'
  const files = union(failed, change.files)
  const isNew = change.cause !== 'crash' || files.length > 0
  turn.show({ problem: null, lastFailure: null, swaps: view.swaps + (bySave ? 1 : 0) })
  turn.set({
    swap: null,
    back: null,
    failed: [],
    sinceParked: union(sinceParked, files),
    liveFiles: isNew ? files : liveFiles,
    backoff: isNew ? { ...backoff, row: 0 } : backoff,
  })
  turn.send(swap.id, { type: 'phases', phases })
  if (parked(turn.state) !== undefined) turn.startTimer('probation', limits.probationMs, swap.id)
  refillSoon(turn)
  turn.do({ type: 'becameLive', live: reply, change, phases })
  turn.do({ type: 'answer', waiters, result: { status: 'live', generation: reply.generation, phases } })
}

/** The change did not go live: whoever is live serves on, or the generation before takes the journal back. */
export function swapFailed(turn: Turn, error: ErrorReport, crash: Crash = { killed: false, livedMs: 0 }): void {
  const { swap, view } = turn.state
  if (swap === null) return
  const { change, bootId, begunAt, waiters } = swap
  const phase = swap.heldAt !== null || activating(turn.state)?.id === swap.id ? 'activate' : 'import'
  stopSwapTimers(turn)
  turn.kill(swap.id, error.message)
  const files = union(turn.state.failed, change.files)
  const failure: BootFailure = { boot_id: bootId, cause: change.cause, files, phase, error, at: begunAt }
  turn.set({ swap: null, failed: files })
  const problem = `${theChange(files, 'The new generation')} did not go live: ${error.message}`
  turn.show({ failedSwaps: view.failedSwaps + 1, lastFailure: failure, problem })
  turn.log('error', { files, phase, err: error }, `the new code did not go live: ${error.message}`)
  turn.do({ type: 'answer', waiters, result: { status: 'failed', failure } })
  refillSoon(turn)
  const serving = live(turn.state)
  if (serving !== undefined) {
    turn.send(serving.id, { type: 'failure', failure })
    turn.showPhase('live')
  } else {
    turn.set({ untold: untoldWith(turn.state.untold, failure) })
    if (turn.state.back === null) turn.set({ back: { failure, crash, id: null } })
  }
}
