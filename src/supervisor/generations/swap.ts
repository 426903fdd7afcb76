import type { BootFailure, Phases } from '../../contracts/control.ts'
import type { Crash } from '../../lib/crash-backoff.ts'
import { roundMs } from '../../lib/duration.ts'
import type { ErrorReport } from '../../lib/errors.ts'
import { theChange, union, untoldWith } from './blame.ts'
import { activating, live, parked, spare } from './state.ts'
import type { Live, Swap } from './state.ts'
import type { Turn } from './turn.ts'

/** A spare that was told to boot and has used no CPU for so long, in ms, has been stopped: another one is made. */
const firstSignMs = 1_000
/** How long, in ms, a generation may take to let go. */
export const retireMs = 3_000
/**
 * Where another generation can take the journal back, one that answers and yet does not go live for so long, in ms, is
 * given up: clients wait.
 */
const stuckMs = 1_400
/** After a swap the next spare waits this long, in ms: first those who were held get their replies. */
const refillMs = 30

/** Begins to work on what is pending. */
export function begin(turn: Turn): void {
  const { pending, failed } = turn.state
  if (pending === null) return
  const files = union(failed, pending.change.files)
  const change = { ...pending.change, files }
  const phases: Phases = change.watchMs === undefined ? {} : { watch: change.watchMs }
  turn.set({ pending: null })
  const bootId = turn.newBootId()
  const times = { begunAt: turn.now.at, takenAt: turn.now.ms, heldAt: null }
  turn.set({ swap: { change, waiters: pending.waiters, bootId, id: 0, phases, ...times, again: false, asked: false } })
  if (live(turn.state) !== undefined) turn.showPhase('swapping')
  takeProcess(turn)
}

/** A spare that is still of use, or a process made now, gets the change. */
function takeProcess(turn: Turn): void {
  turn.stopTimers('refill')
  const waiting = spare(turn.state)
  if (waiting === undefined) turn.swapping({ id: turn.fork() })
  else if (waiting.stamp === turn.now.stamp) turn.swapping({ id: waiting.id })
  else {
    turn.kill(waiting.id, 'it has loaded what has changed since')
    turn.swapping({ id: turn.fork() })
  }
  if (waiting?.ready === true && turn.state.swap?.id === waiting.id) boot(turn, waiting.id)
  else startBootTimer(turn)
}

function startBootTimer(turn: Turn): void {
  turn.startTimer('boot', turn.state.limits.bootMs, turn.state.swap?.id)
}

function boot(turn: Turn, id: number): void {
  const { swap } = turn.state
  if (swap === null) return
  turn.move(id, 'booting')
  turn.send(id, { type: 'boot', boot_id: swap.bootId })
  startBootTimer(turn)
  turn.startTimer('first-sign', firstSignMs, id)
}

/** A process has imported its dependencies. */
export function onSpare(turn: Turn, id: number): void {
  turn.change(id, { ready: true })
  const { swap } = turn.state
  if (swap?.id !== id) return
  const ms = turn.now.ms - swap.takenAt
  if (ms > 1) turn.swapping({ phases: { ...swap.phases, fork: roundMs(ms) } })
  boot(turn, id)
}

/** Its process stood still, or was killed from outside, which says nothing of the code: once more, with a new one. */
export function bootAgain(turn: Turn, why: string): void {
  const { swap } = turn.state
  if (swap === null) return
  turn.log('warn', { files: swap.change.files }, `the new code is booted once more: ${why}`)
  turn.kill(swap.id, why)
  turn.swapping({ id: turn.fork(), again: true, takenAt: turn.now.ms })
  turn.stopTimers('first-sign')
  startBootTimer(turn)
}

export function onStandby(turn: Turn, id: number, phases: Phases): void {
  const { swap } = turn.state
  if (swap?.id !== id) return
  turn.stopTimers('boot', 'first-sign', 'supersede')
  turn.move(id, 'standby')
  turn.swapping({ phases: { ...swap.phases, ...phases } })
}

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
  const { previousEnd, untold, limits } = turn.state
  turn.move(id, 'activating', { holds: true })
  turn.send(id, { type: 'activate', boot_id, cause, files, at, ...previousEnd, failures: [...untold] })
  turn.startTimer('activate', limits.bootMs, id)
}

/** Somebody is live again: what holds for new code and for what took the journal back. */
export function becameLive(turn: Turn, id: number, reply: Live): void {
  turn.stopTimers('activate', 'stuck')
  turn.move(id, 'live')
  turn.set({ untold: [] })
  turn.do({ type: 'attach', id })
  turn.do({ type: 'watch', id })
  turn.show({ generation: reply.generation, liveSince: turn.now.at, nextTryAt: null })
  turn.showPhase('live')
}

/** The change is live. */
export function swapIsLive(turn: Turn, swap: Swap, reply: Live): void {
  becameLive(turn, swap.id, reply)
  const { change, waiters, heldAt } = swap
  const { view, liveFiles, limits, backoff } = turn.state
  const phases: Phases = { ...swap.phases, ...reply.phases, total: turn.now.at - change.at }
  if (heldAt !== null) phases.hold = roundMs(turn.now.ms - heldAt)
  const bySave = change.cause === 'save' || change.cause === 'reload'
  const isNew = change.cause !== 'crash' || change.files.length > 0
  turn.show({ problem: null, lastFailure: null, swaps: view.swaps + (bySave ? 1 : 0) })
  turn.set({
    swap: null,
    back: null,
    failed: [],
    liveFiles: isNew ? change.files : liveFiles,
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
  turn.stopTimers('boot', 'first-sign', 'supersede', 'activate', 'stuck')
  turn.kill(swap.id, error.message)
  const files = [...change.files]
  const failure: BootFailure = { boot_id: bootId, cause: change.cause, files, phase, error, at: begunAt }
  turn.set({ swap: null, failed: change.files })
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

export function refillSoon(turn: Turn, ms = refillMs): void {
  if (turn.state.limits.spare && turn.state.stopping === null) turn.startTimer('refill', ms)
}
