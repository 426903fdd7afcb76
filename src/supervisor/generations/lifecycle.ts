import type { ErrorReport } from '../../lib/errors.ts'
import { onEnded, onRetired, pend, retireFailed, takeBack, takeBackFailed, takenBack } from './endings.ts'
import type { Effect, GenerationEvent, Measured, Now, Timer } from './events.ts'
import { activating, handleOf, isBooting, isHeld, live, next, parked, retiring, spare } from './state.ts'
import type { Change, Handle, State } from './state.ts'
import { activate, begin, bootAgain, onSpare, onStandby, retire, retireMs, swapFailed, swapIsLive } from './swap.ts'
import { Turn } from './turn.ts'
import { untoldWith } from './blame.ts'

/** A boot that takes longer than this, in ms, is given up for a newer change: most likely it is the repair. */
const hangingMs = 1_000
/** One that answers has so long, in ms, to go live with what it was busy with. */
const answeredMs = 200
/** From so many ms on it is the machine that stood still, and not the code that hangs. */
const stoodStillMs = 1_000

/**
 * The life of all generations as a function: what was, and what happens, make what is, and what is to be done about it.
 * Nothing in here looks at a clock, a process or a file; those are the driver's.
 */
export function step(state: State, event: GenerationEvent, now: Now): { state: State; effects: Effect[] } {
  const turn = new Turn(state, now)
  react(turn, event)
  advance(turn)
  return { state: turn.state, effects: turn.effects }
}

function react(turn: Turn, event: GenerationEvent): void {
  switch (event.type) {
    case 'changed':
      return changed(turn, event.change, event.waiter)
    case 'timer':
      return onTimer(turn, event.name, event.measured)
    case 'failure':
      return tell(turn, event.failure)
    case 'stop':
      return stop(turn, event.reason)
    default: {
      const handle = handleOf(turn.state, event.id)
      if (handle !== undefined) heard(turn, handle, event)
    }
  }
}

type OfProcess = Extract<GenerationEvent, { id: number }>

function heard(turn: Turn, handle: Handle, event: OfProcess): void {
  const { id, phase } = handle
  switch (event.type) {
    case 'spare':
      return phase === 'spare' ? onSpare(turn, id) : undefined
    case 'standby':
      return phase === 'booting' ? onStandby(turn, id, event.phases) : undefined
    case 'live': {
      const { swap } = turn.state
      if (phase !== 'activating') return
      if (swap?.id === id) swapIsLive(turn, swap, event.live)
      else takenBack(turn, id, event.live)
      return
    }
    case 'retired':
      return onRetired(turn, id)
    case 'failed':
      return failed(turn, handle, event.error, true)
    case 'unknown':
      if (phase === 'spare' || phase === 'live' || phase === 'parked')
        turn.change(id, { trouble: { error: event.error, at: turn.now.at } })
      else failed(turn, handle, event.error, false)
      return
    case 'troubled':
      return turn.change(id, { trouble: { error: event.error, at: turn.now.at } })
    case 'answered':
      if (phase === 'activating' && turn.state.swap?.id === id && turn.state.swap.asked)
        turn.startTimer('stuck', answeredMs, id)
      return
    case 'silent':
      return silent(turn, handle)
    case 'ended':
      return onEnded(turn, handle, event.end)
  }
}

/** @param said it says so itself, and lives */
function failed(turn: Turn, handle: Handle, error: ErrorReport, said: boolean): void {
  const { swap, back } = turn.state
  if (handle.phase === 'retiring') retireFailed(turn, handle, error, said)
  else if (handle.id === swap?.id) swapFailed(turn, error)
  else if (handle.id === back?.id) takeBackFailed(turn, error)
}

/** It hangs: its death, which follows, is what is acted on. */
function silent(turn: Turn, { id, phase }: Handle): void {
  if (phase !== 'live') return
  const killed = `it gave no sign of life for ${turn.state.limits.heartbeatMs} ms`
  turn.log(
    'error',
    {},
    `the live generation gave no sign of life for ${turn.state.limits.heartbeatMs} ms and is replaced`,
  )
  turn.change(id, { killed })
  turn.do({ type: 'kill', id })
}

/** Changes that come while one is being worked on are folded into the next. */
function changed(turn: Turn, change: Change, waiter?: number): void {
  const { pending, stopping, swap } = turn.state
  if (stopping !== null) return
  turn.stopTimers('retry')
  turn.set({ deferred: false, pending: null })
  turn.show({ nextTryAt: null })
  const waiters = waiter === undefined ? [] : [waiter]
  turn.set({ pending: { change, waiters } })
  if (pending !== null) pend(turn, pending)
  if (swap === null || !isBooting(turn.state)) return
  const elapsed = turn.now.ms - swap.takenAt
  if (elapsed >= hangingMs) supersede(turn)
  else turn.startTimer('supersede', hangingMs - elapsed)
}

/** A boot that hangs is not waited for once there is newer code; who waited for it waits for that. */
function supersede(turn: Turn): void {
  const { swap, pending } = turn.state
  if (swap === null || pending === null || !isBooting(turn.state)) return
  turn.stopTimers('boot', 'first-sign', 'supersede')
  turn.kill(swap.id, 'there is newer code')
  turn.set({ swap: null })
  pend(turn, swap)
}

function onTimer(turn: Turn, name: Timer, measured: Measured): void {
  const { state } = turn
  const { swap, limits } = state
  switch (name) {
    case 'first-sign':
      if (next(state)?.phase === 'booting' && measured.cpuMs === 0) bootAgain(turn, 'its process stands still')
      return
    case 'boot':
      return bootTookTooLong(turn, measured)
    case 'supersede':
      return supersede(turn)
    case 'retire': {
      const old = retiring(state)
      if (old !== undefined) retireFailed(turn, old, tooLong('retired', retireMs), false)
      return
    }
    case 'stuck':
      return stuck(turn)
    case 'activate': {
      const late = activating(state)
      if (late !== undefined) failed(turn, late, tooLong('live', limits.bootMs), false)
      return
    }
    case 'probation':
      return probationOver(turn, measured)
    case 'retry':
      return turn.set({ deferred: false })
    case 'refill':
      if (swap === null && state.stopping === null && spare(state) === undefined) turn.fork()
      return
    default: {
      const id = Number(name.slice('end:'.length))
      if (handleOf(state, id) !== undefined) turn.do({ type: 'kill', id })
    }
  }
}

function bootTookTooLong(turn: Turn, measured: Measured): void {
  const { swap, limits } = turn.state
  if (swap === null || !isBooting(turn.state)) return
  const stoodStill = measured.stoodStillMs >= stoodStillMs || measured.cpuMs === 0
  if (stoodStill && !swap.again) return bootAgain(turn, 'the machine stood still')
  swapFailed(turn, tooLong(next(turn.state)?.phase === 'spare' ? 'spare' : 'standby', limits.bootMs))
}

function tooLong(type: string, limitMs: number): ErrorReport {
  const message = `no "${type}" within ${limitMs} ms: an endless loop, or a wait that never ends`
  return { message, code: 'KSI_TIMEOUT' }
}

/** One that is busy is waited for; one that answers waits for something itself, and clients wait for it. */
function stuck(turn: Turn): void {
  const late = activating(turn.state)
  const { swap } = turn.state
  if (late === undefined || late.id !== swap?.id || parked(turn.state) === undefined) return
  if (!swap.asked) {
    turn.swapping({ asked: true })
    turn.send(late.id, { type: 'ping' })
  } else swapFailed(turn, tooLong('live', Math.round(turn.now.ms - late.since)))
}

/** Who was parked is not needed any more, unless the live one has just fallen silent: then it may be soon. */
function probationOver(turn: Turn, { unanswered = 0 }: Measured): void {
  const before = parked(turn.state)
  if (before === undefined || turn.state.back !== null) return
  if (unanswered > 1) turn.startTimer('probation', turn.state.limits.heartbeatMs / 2, live(turn.state)?.id)
  else turn.dismiss(before.id)
}

function tell(turn: Turn, failure: Extract<GenerationEvent, { type: 'failure' }>['failure']): void {
  const serving = live(turn.state)
  if (serving === undefined) turn.set({ untold: untoldWith(turn.state.untold, failure) })
  else turn.send(serving.id, { type: 'failure', failure })
}

/** Ends all; the live one takes a checkpoint first. What is going live already is not cut off. */
function stop(turn: Turn, reason: NonNullable<State['stopping']>): void {
  if (turn.state.stopping !== null) return
  turn.showPhase('stopping')
  turn.stopTimers('retry', 'supersede', 'refill', 'boot', 'first-sign')
  turn.set({ stopping: reason, pending: null, deferred: false })
  const { swap } = turn.state
  if (swap === null || activating(turn.state)?.id === swap.id) return
  if (swap.heldAt !== null && next(turn.state)?.phase === 'standby') return
  turn.kill(swap.id, 'ksi is stopping')
  turn.set({ swap: null })
}

/** Does what the state as it stands now asks for: the next thing of a swap, of a stop, of what waits. */
function advance(turn: Turn): void {
  handOver(turn)
  if (turn.state.stopping !== null) return goOnStopping(turn, turn.state.stopping)
  const { back } = turn.state
  const isSwapping = next(turn.state)?.phase === 'standby' || activating(turn.state) !== undefined
  if (back?.id === null && !isHeld(turn.state) && !isSwapping) takeBack(turn)
  const { swap, pending, deferred } = turn.state
  if (swap === null && pending !== null && !deferred) begin(turn)
}

/** The new code is standby: the old one lets go, or, when nobody may write any more, it goes live. */
function handOver(turn: Turn): void {
  const { swap } = turn.state
  if (swap === null || next(turn.state)?.phase !== 'standby') return
  const old = live(turn.state)
  if (old !== undefined) retire(turn, swap, old.id)
  else if (!isHeld(turn.state)) {
    turn.set({ back: null })
    activate(turn, swap)
  }
}

function goOnStopping(turn: Turn, reason: NonNullable<State['stopping']>): void {
  if (turn.state.swap !== null || activating(turn.state) !== undefined || retiring(turn.state) !== undefined) return
  const serving = live(turn.state)
  if (serving !== undefined) {
    turn.do({ type: 'hold' })
    turn.do({ type: 'unwatch', id: serving.id })
    turn.send(serving.id, { type: 'retire', reason, files: [] })
    turn.move(serving.id, 'retiring')
    turn.startTimer('retire', retireMs, serving.id)
    return
  }
  turn.stopTimers('probation')
  for (const { id, phase } of turn.state.handles) if (phase !== 'retired') turn.dismiss(id)
  if (turn.state.handles.length === 0) turn.do({ type: 'stopped' })
}
