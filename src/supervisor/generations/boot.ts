import type { Phases } from '../../contracts/control.ts'
import { roundMs } from '../../lib/time.ts'
import { union } from './blame.ts'
import { fold, isRollback } from './pending.ts'
import { live, spare } from './questions.ts'
import type { Turn } from './turn.ts'

/** A process that was to start or boot and has used no CPU for so long, in ms, was stopped: another one is made. */
const firstSignMs = 1_000
/** After a swap the next spare waits this long, in ms: first those who were held get their replies. */
const refillMs = 30

/** Begins to work on what is pending. */
export function begin(turn: Turn): void {
  const { pending, failed } = turn.state
  if (pending === null) return
  // What a roll-back undoes is known exactly: all in which the files differ from what is booted.
  const files = isRollback(pending.change) ? pending.change.files : union(failed, pending.change.files)
  const change = { ...pending.change, files }
  const phases: Phases = change.watchMs === undefined ? {} : { watch: change.watchMs }
  turn.set({ pending: null })
  const bootId = turn.newBootId()
  const times = { begunAt: turn.now.at, takenAt: turn.now.ms, heldAt: null }
  turn.set({
    swap: { change, waiters: pending.waiters, bootId, id: 0, phases, ...times, again: false, asked: false, answers: 0 },
  })
  if (live(turn.state) !== undefined) turn.showPhase('swapping')
  takeProcess(turn)
}

/** A spare that is still of use, or a process made now, gets the change. */
function takeProcess(turn: Turn): void {
  turn.stopTimers('refill')
  const tree = turn.state.swap?.change.tree
  // A spare has loaded what is on disk.
  const waiting = tree === undefined ? spare(turn.state) : undefined
  if (waiting === undefined) turn.swapping({ id: turn.fork({ tree }) })
  else if (waiting.stamp === turn.now.stamp) turn.swapping({ id: waiting.id })
  else {
    turn.kill(waiting.id, 'it has loaded what has changed since')
    turn.swapping({ id: turn.fork() })
  }
  if (waiting?.ready === true && turn.state.swap?.id === waiting.id) boot(turn, waiting.id)
  else startBootTimers(turn)
}

function startBootTimers(turn: Turn): void {
  const { swap, limits } = turn.state
  turn.startTimer('boot', limits.bootMs, swap?.id)
  turn.startTimer('first-sign', firstSignMs, swap?.id)
}

function boot(turn: Turn, id: number): void {
  const { swap, pending } = turn.state
  if (swap === null) return
  const { tree } = swap.change
  // What was saved while its process started is in what it reads now.
  if (pending !== null && tree === undefined && pending.change.tree === undefined) {
    turn.swapping(fold(swap, pending))
    turn.set({ pending: null })
  }
  turn.move(id, 'booting', { tree: tree ?? turn.now.tree })
  turn.send(id, { type: 'boot', boot_id: swap.bootId })
  startBootTimers(turn)
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
  turn.swapping({ id: turn.fork({ tree: swap.change.tree }), again: true, takenAt: turn.now.ms })
  startBootTimers(turn)
}

export function onStandby(turn: Turn, id: number, phases: Phases): void {
  const { swap } = turn.state
  if (swap?.id !== id) return
  turn.stopTimers('boot', 'first-sign', 'supersede')
  turn.move(id, 'standby')
  turn.swapping({ phases: { ...swap.phases, ...phases } })
}

/** Those of the change that is being worked on; one that takes the journal back meanwhile has its own time. */
export function stopSwapTimers(turn: Turn): void {
  turn.stopTimers('boot', 'first-sign', 'supersede')
  if (turn.state.back?.id == null) turn.stopTimers('activate', 'stuck')
}

/** What is installed is looked at so often, in ms, while something is not. */
const installMs = 1_000

/** What cannot find a package is booted again once something else is installed: `npm ci` takes a while. */
export function awaitInstall(turn: Turn): void {
  turn.set({ notInstalled: turn.now.stamp })
  turn.startTimer('installed', installMs)
}

/** It is time to look at what is installed. */
export function lookAtInstalled(turn: Turn): void {
  const { notInstalled, swap, pending, failed, stopping } = turn.state
  if (notInstalled === null || stopping !== null || swap !== null || pending !== null) return
  if (notInstalled === turn.now.stamp) return turn.startTimer('installed', installMs)
  turn.set({ pending: { change: { cause: 'save', files: failed, at: turn.now.at }, waiters: [] } })
}

/** A new spare is made after a while. */
export function refillSoon(turn: Turn, ms = refillMs): void {
  if (turn.state.limits.spare && turn.state.stopping === null) turn.startTimer('refill', ms)
}
