import type { BootFailure, Phases } from '../../contracts/control.ts'
import type { Crash } from '../../lib/crash-backoff.ts'
import { roundMs } from '../../lib/time.ts'
import type { ErrorReport } from '../../lib/errors.ts'
import { headOf, isNotInstalled, theChange, union, untoldWith, withAdvice } from './blame.ts'
import { awaitInstall, refillSoon, stopSwapTimers } from './boot.ts'
import { isRollback } from './pending.ts'
import { activating, handleOf, live, parked } from './questions.ts'
import type { Change, Live, Swap } from './state.ts'
import type { Turn } from './turn.ts'

/** How long, in ms, a generation may take to let go. */
export const retireMs = 3_000
/**
 * Where another generation can take the journal back, one that is not live after so long, in ms, is asked whether it is
 * busy: clients wait.
 */
const stuckMs = 1_000

/** So many of the sources that were live can be rolled back to, one after the other. */
const treesKept = 5

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
  { boot_id, cause, files, at, tree }: Omit<Change, 'files'> & { boot_id: string; files: string[] },
): void {
  const { previousEnd, untold, limits, view } = turn.state
  const by_hand = cause === 'rollback' && tree !== undefined
  const failures = [...untold]
  const floor = view.generation ?? 0
  turn.move(id, 'activating', { holds: true })
  turn.set({ telling: untold })
  turn.send(id, { type: 'activate', boot_id, cause, files, at, by_hand, ...previousEnd, failures, floor })
  turn.startTimer('activate', limits.bootMs, id)
}

/** It is live, and what was live after it the last time is not any more. */
function treesWith(trees: readonly string[], tree: string): readonly string[] {
  if (tree === '') return trees
  const at = trees.lastIndexOf(tree)
  return at === -1 ? [...trees.slice(1 - treesKept), tree] : trees.slice(0, at + 1)
}

/** Somebody is live again: what holds for new code and for what took the journal back. */
export function becameLive(turn: Turn, id: number, reply: Live): void {
  turn.stopTimers('activate', 'stuck')
  turn.move(id, 'live')
  turn.do({ type: 'attach', id })
  turn.do({ type: 'watch', id })
  const { untold, telling } = turn.state
  for (const failure of untold) if (!telling.includes(failure)) turn.send(id, { type: 'failure', failure })
  const { tree, isKept } = handleOf(turn.state, id) ?? { tree: '', isKept: false }
  const trees = treesWith(turn.state.trees, tree)
  turn.set({ untold: [], telling: [], trees, kept: isKept ? tree : null })
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
  const files = change.tree === undefined ? union(failed, change.files) : change.files
  const isKept = change.tree !== undefined
  const isNew = change.cause !== 'crash' || (files.length > 0 && !isKept)
  // It is the code that failed before, booted since there was no way back: that does not make it well.
  const noWayBack = change.cause === 'crash' && !isKept ? turn.state.noWayBack : null
  // Why what is on disk is not live is still to be seen.
  const lastFailure = change.cause === 'crash' && isKept ? view.lastFailure : null
  const problem = isKept ? notOnDisk(files, lastFailure) : noWayBack
  turn.show({ problem, lastFailure, swaps: view.swaps + (bySave ? 1 : 0) })
  turn.set({
    swap: null,
    back: null,
    notInstalled: null,
    noWayBack,
    failed: isKept ? files : [],
    sinceParked: isKept ? [] : union(sinceParked, files),
    liveFiles: isKept ? [] : isNew ? files : liveFiles,
    backoff: isNew ? { ...backoff, row: 0 } : backoff,
  })
  turn.send(swap.id, { type: 'phases', phases })
  const before = parked(turn.state)
  // Whoever was rolled back from does not come back by itself.
  if (before !== undefined && isKept) turn.dismiss(before.id)
  else if (before !== undefined) turn.startTimer('probation', limits.probationMs, swap.id)
  refillSoon(turn)
  turn.do({ type: 'becameLive', live: reply, change, phases })
  const { generation } = reply
  turn.do({
    type: 'answer',
    waiters,
    result: { status: 'live', generation, phases, files: [...turn.state.failed] },
  })
}

function notOnDisk(files: readonly string[], failure: BootFailure | null): string {
  const what = theChange(files, 'The code on disk')
  const why = failure === null ? 'it was rolled back by hand' : headOf(failure.error.message)
  const since = failure === null ? '' : ' After a crash the code that was live before it serves on.'
  return `${what} is not live: ${why}.${since} A save, or \`ksi reload\`, boots what is on disk.`
}

/** The change did not go live: whoever is live serves on, or the generation before takes the journal back. */
export function swapFailed(turn: Turn, met: ErrorReport, crash: Crash = { killed: false, livedMs: 0 }): void {
  const { swap, view } = turn.state
  if (swap === null) return
  const error = withAdvice(met)
  const { change, bootId, begunAt, waiters } = swap
  const phase = swap.heldAt !== null || activating(turn.state)?.id === swap.id ? 'activate' : 'import'
  stopSwapTimers(turn)
  turn.kill(swap.id, error.message)
  const files = union(turn.state.failed, change.files)
  const failure: BootFailure = { boot_id: bootId, cause: change.cause, files, phase, error, at: begunAt }
  turn.set({ swap: null })
  if (isNotInstalled(met)) awaitInstall(turn)
  if (isRollback(change)) turn.log('error', { files, phase, err: error }, `not rolled back: ${error.message}`)
  else {
    turn.set({ failed: files })
    const problem = `${theChange(files, 'The new generation')} did not go live: ${error.message}`
    turn.show({ failedSwaps: view.failedSwaps + 1, lastFailure: failure, problem })
    turn.log('error', { files, phase, err: error }, `the new code did not go live: ${error.message}`)
  }
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
