import type { ErrorReport } from '../../lib/errors.ts'
import { untoldWith } from './blame.ts'
import { begin, onSpare, onStandby } from './boot.ts'
import { answered, onTimer } from './deadlines.ts'
import { onEnded, onRetired, retireFailed, takeBack, takeBackFailed, takenBack } from './endings.ts'
import type { Effect, GenerationEvent, Now } from './events.ts'
import { fold, supersede } from './pending.ts'
import { activating, handleOf, isBooting, isHeld, live, next } from './questions.ts'
import type { Change, Handle, State } from './state.ts'
import { goOnStopping, stop } from './stopping.ts'
import { activate, retire, swapFailed, swapIsLive } from './swap.ts'
import { Turn } from './turn.ts'

/** A boot that takes longer than this, in ms, is given up for a newer change: most likely it is the repair. */
const hangingMs = 1_000

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
    case 'condition':
      return turn.change(id, { filling: event.filling, troubles: event.troubles })
    case 'syncing':
      return turn.change(id, { syncing: event.syncing })
    case 'answered':
      return answered(turn, id)
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
  const newer = { change, waiters: waiter === undefined ? [] : [waiter] }
  turn.set({ deferred: false, pending: pending === null ? newer : fold(pending, newer) })
  turn.show({ nextTryAt: null })
  if (swap === null || !isBooting(turn.state)) return
  const elapsed = turn.now.ms - swap.takenAt
  if (elapsed >= hangingMs) supersede(turn)
  else turn.startTimer('supersede', hangingMs - elapsed)
}

function tell(turn: Turn, failure: Extract<GenerationEvent, { type: 'failure' }>['failure']): void {
  const serving = live(turn.state)
  if (serving === undefined) turn.set({ untold: untoldWith(turn.state.untold, failure) })
  else turn.send(serving.id, { type: 'failure', failure })
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
