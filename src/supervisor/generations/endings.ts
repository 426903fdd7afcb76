import type { BootFailure } from '../../contracts/control.ts'
import { countCrash } from '../../lib/crash-backoff.ts'
import type { Crash } from '../../lib/crash-backoff.ts'
import { describeEnd } from '../../lib/child-end.ts'
import type { ChildEnd } from '../../lib/child-end.ts'
import type { ErrorReport } from '../../lib/errors.ts'
import type { DetachCause } from '../front/retrial.ts'
import {
  errorOfEnd,
  filesNotLive,
  headOf,
  isFileTrouble,
  isFromOutside,
  isUnstarted,
  theChange,
  union,
  untoldWith,
} from './blame.ts'
import { bootAgain, refillSoon, stopSwapTimers } from './boot.ts'
import { pend } from './pending.ts'
import { live, parked, retiring } from './questions.ts'
import type { Handle, Live, State, Swap } from './state.ts'
import { becameLive, giveJournal, swapFailed } from './swap.ts'
import type { Turn } from './turn.ts'

/** A spare that lived so long, in ms, was killed by somebody: another one is made. One that died sooner cannot live. */
const soundSpareMs = 2_000
/** A system without room for a process is asked again after so long at least, in ms. */
const unstartedMs = 250

/** A process has ended, however it came about. */
export function onEnded(turn: Turn, handle: Handle, end: ChildEnd): void {
  turn.remove(handle.id)
  const { swap, back } = turn.state
  if (handle.id === swap?.id) return swapProcessEnded(turn, swap, handle, end)
  if (handle.id === back?.id) return takeBackFailed(turn, errorOfEnd(end))
  if (handle.phase === 'live') died(turn, handle, end)
  else if (handle.phase === 'retiring') didNotLetGo(turn, errorOfEnd(end).message)
  else if (handle.phase === 'spare' && turn.now.ms - handle.since > soundSpareMs) refillSoon(turn)
}

function swapProcessEnded(turn: Turn, swap: Swap, handle: Handle, end: ChildEnd): void {
  const error = errorOfEnd(end)
  if (!isFromOutside(end) && !isUnstarted(end)) return swapFailed(turn, error)
  const counted = countCrash(turn.state.backoff, { killed: isFromOutside(end), livedMs: 0 }, turn.now.ms)
  turn.set({ backoff: counted.backoff })
  const waitMs = isUnstarted(end) ? Math.max(unstartedMs, counted.waitMs) : counted.waitMs
  if (waitMs === 0 && handle.phase !== 'activating') return bootAgain(turn, error.message)
  // It had the journal already, or it happens all the time: what can serve serves on first.
  turn.log('warn', { files: swap.change.files }, `the new code is booted once more: ${error.message}`)
  stopSwapTimers(turn)
  const crash = { killed: true, livedMs: 0 }
  turn.set({ swap: null })
  pend(turn, swap)
  if (waitMs > 0)
    turn.show({ problem: `${theChange(swap.change.files, 'The new generation')} waits: ${error.message}` })
  if (live(turn.state) !== undefined) turn.showPhase('live')
  else if (parked(turn.state) !== undefined) turn.set({ back: { failure: null, crash, id: null } })
  else turn.showPhase('crashed')
  defer(turn, waitMs)
}

function defer(turn: Turn, waitMs: number): void {
  if (waitMs === 0) return
  turn.set({ deferred: true })
  turn.show({ nextTryAt: turn.now.at + waitMs })
  turn.startTimer('retry', waitMs)
}

/** The live generation has ended by itself, was killed, or was silent. */
function died(turn: Turn, handle: Handle, end: ChildEnd): void {
  const { view, backoff } = turn.state
  const how = handle.killed ?? `${describeEnd(end)}${end.stderr === '' ? '' : `: ${end.stderr.trim()}`}`
  const message = `generation ${view.generation ?? 0} died: ${how.slice(0, 2_000)}`
  turn.log('error', { generation: view.generation }, message)
  turn.do({ type: 'detach', cause: causeOf(turn, end) })
  turn.stopTimers('probation')
  const previous_detail = how.slice(0, 500)
  turn.set({ previousEnd: { previous_end: 'crash', previous_detail, previous_debugged: end.debugged } })
  turn.show({ crashes: view.crashes + 1 })
  const crash = { killed: isFromOutside(end), livedMs: turn.now.ms - handle.since }
  if (turn.state.stopping !== null) return
  // An end from outside says nothing of the new code; dying by itself right after going live does.
  if (parked(turn.state) === undefined || crash.killed) {
    turn.show({ problem: message })
    if (turn.state.swap === null) restart(turn, crash)
    else turn.set({ backoff: countCrash(backoff, crash, turn.now.ms).backoff })
    return
  }
  turn.showPhase('swapping')
  turn.set({ failed: union(turn.state.sinceParked, turn.state.failed) })
  const files = filesNotLive(turn.state)
  const cause = 'save'
  const boot_id = turn.newBootId()
  const failure: BootFailure = { boot_id, cause, files, phase: 'probation', error: { message }, at: turn.now.at }
  const what = theChange(files, 'The new code')
  const problem = `${what} died right after it went live (${how}); the generation before serves on.`
  turn.show({ failedSwaps: turn.state.view.failedSwaps + 1, lastFailure: failure, problem })
  turn.set({ untold: untoldWith(turn.state.untold, failure), back: { failure, crash, id: null } })
}

/** Who is to blame: nobody, the code that had just gone live, or something that it was given. */
function causeOf(turn: Turn, end: ChildEnd): DetachCause {
  if (isFromOutside(end)) return 'outside'
  return parked(turn.state) === undefined ? 'death' : 'probation'
}

/** Nobody is live and nobody can take the journal back: the code on disk is booted, after the back-off. */
function restart(turn: Turn, crash: Crash): void {
  const { backoff, view, failed } = turn.state
  turn.showPhase('crashed')
  const counted = countCrash(backoff, crash, turn.now.ms)
  turn.set({ backoff: counted.backoff })
  const cause = view.generation === null ? 'start' : 'crash'
  // What is being booted, or waits for it, is the restart.
  if (turn.state.pending !== null || turn.state.swap !== null) return
  const tree = turn.state.kept ?? soundTree(turn.state)
  turn.set({ pending: { change: { cause, files: failed, at: turn.now.at, tree }, waiters: [] } })
  defer(turn, counted.waitMs)
}

/**
 * What is on disk did not go live: what was live before it serves until something else is saved, if its source is
 * known.
 */
function soundTree({ failed, trees, noWayBack }: State): string | undefined {
  return failed.length > 0 && noWayBack === null ? trees.at(-1) : undefined
}

/** The old generation is asked to let go and cannot. @param said it says so itself, and lives */
export function retireFailed(turn: Turn, old: Handle, error: ErrorReport, said: boolean): void {
  turn.stopTimers('retire')
  if (said && isFileTrouble(error) && turn.state.stopping === null) {
    turn.move(old.id, 'live')
    turn.do({ type: 'attach', id: old.id })
    turn.do({ type: 'watch', id: old.id })
    turn.set({ back: null })
    turn.showPhase('live')
    return swapFailed(turn, error)
  }
  // Its end is waited for, as it may hold the journal: see `onEnded`.
  turn.kill(old.id, error.message)
  didNotLetGo(turn, error.message)
  const files = [...turn.state.liveFiles]
  if (!said || files.length === 0) return
  const boot_id = turn.newBootId()
  const failure: BootFailure = { boot_id, cause: 'save', files, phase: 'probation', error, at: turn.now.at }
  turn.set({ untold: untoldWith(turn.state.untold, failure) })
}

/** The journal is whole: the next one goes on from it as after a crash. */
function didNotLetGo(turn: Turn, why: string): void {
  turn.stopTimers('retire')
  turn.log(
    'error',
    { generation: turn.state.view.generation, files: turn.state.liveFiles },
    `the old generation did not let go and was ended: ${why}`,
  )
  const previous_detail = `it did not let go: ${why}`.slice(0, 500)
  turn.set({ previousEnd: { previous_end: 'crash', previous_detail } })
  // Whoever comes next is other code: nothing that this one was given is to blame.
  turn.do({ type: 'detach', cause: 'probation' })
  backUnlessReplaced(turn)
}

/** The old generation has let go of the journal, and stands by to take it back. */
export function onRetired(turn: Turn, id: number): void {
  if (retiring(turn.state)?.id !== id) return
  turn.stopTimers('retire')
  turn.do({ type: 'detach', cause: 'handover' })
  turn.set({ previousEnd: { previous_end: 'handover' } })
  const before = parked(turn.state)
  turn.move(id, 'parked', { holds: false })
  turn.set({ sinceParked: [] })
  if (before !== undefined) turn.dismissLater(before.id)
  backUnlessReplaced(turn)
}

/** The code that was to come next has gone while the old one let go. */
function backUnlessReplaced(turn: Turn): void {
  const { swap, back, stopping } = turn.state
  if (swap !== null || back !== null || stopping !== null) return
  turn.set({ back: { failure: null, crash: { killed: false, livedMs: 0 }, id: null } })
}

/** The generation before gets the journal; if there is none, the code on disk is booted. */
export function takeBack(turn: Turn): void {
  const { back } = turn.state
  const before = parked(turn.state)
  if (back === null) return
  if (before === undefined) {
    turn.set({ back: null })
    return restart(turn, back.crash)
  }
  turn.set({ back: { ...back, id: before.id } })
  const files = back.failure?.files ?? []
  giveJournal(turn, before.id, { boot_id: turn.newBootId(), cause: 'rollback', files, at: turn.now.at })
}

export function takenBack(turn: Turn, id: number, reply: Live): void {
  becameLive(turn, id, reply)
  turn.set({ back: null })
  notLiveSince(turn)
  turn.log('warn', { generation: reply.generation }, 'the generation before has taken the journal back and serves on')
}

/** What went live after the one that has taken the journal back is not live any more. */
function notLiveSince(turn: Turn): void {
  const { failed, sinceParked, view } = turn.state
  if (sinceParked.length === 0) return
  const files = union(sinceParked, failed)
  turn.set({ failed: files, sinceParked: [], liveFiles: [] })
  const { lastFailure } = view
  if (lastFailure === null || files.every((file) => lastFailure.files.includes(file))) return
  const problem = `${theChange(files, 'The new generation')} did not go live: ${lastFailure.error.message}`
  turn.show({ lastFailure: { ...lastFailure, files }, problem })
}

export function takeBackFailed(turn: Turn, error: ErrorReport): void {
  const { back } = turn.state
  if (back === null || back.id === null) return
  turn.stopTimers('activate')
  turn.log('error', { err: error }, 'the generation before could not take the journal back')
  turn.kill(back.id, error.message)
  turn.set({ back: null })
  // One that failed on its way may get there now that nobody holds what it could not have.
  if (back.failure?.phase === 'probation') {
    const what = theChange(back.failure.files, 'The new code')
    const why = `the generation before could not take the journal back: ${error.message}`
    const noWayBack = `${what} failed (${headOf(back.failure.error.message)}), and ${why}`
    turn.set({ noWayBack })
    turn.show({ problem: noWayBack })
  }
  // A change that is being booted is the restart.
  if (turn.state.swap === null && turn.state.stopping === null) restart(turn, back.crash)
}
