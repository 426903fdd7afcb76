import type { ErrorReport } from '../../lib/errors.ts'
import { bootAgain, lookAtInstalled } from './boot.ts'
import { retireFailed, takeBackFailed } from './endings.ts'
import type { Measured, Timer } from './events.ts'
import { supersede } from './pending.ts'
import { activating, handleOf, isBooting, isGood, live, next, parked, retiring, spare } from './questions.ts'
import type { Handle } from './state.ts'
import { retireMs, swapFailed } from './swap.ts'
import type { Turn } from './turn.ts'

/**
 * One that does not go live is asked so often, in ms, whether it is busy; one that is not, so often in a row, is stuck.
 */
const askMs = 200
const stuckAnswers = 3
/** From so many ms on it is the machine that stood still, and not the code that hangs. */
const stoodStillMs = 1_000

/** A deadline is over. */
export function onTimer(turn: Turn, name: Timer, measured: Measured): void {
  const { state } = turn
  const { swap, limits } = state
  switch (name) {
    case 'first-sign':
      if (isBooting(state) && measured.cpuMs === 0 && swap?.again === false) bootAgain(turn, 'its process stands still')
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
      if (late !== undefined) isLate(turn, late, tooLong('live', limits.bootMs))
      return
    }
    case 'probation':
      return probationOver(turn, measured)
    case 'retry':
      return turn.set({ deferred: false })
    case 'installed':
      return lookAtInstalled(turn)
    case 'refill':
      if (swap === null && state.stopping === null && spare(state) === undefined) turn.fork({ preload: isGood(state) })
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

/**
 * One that is busy, with a migration or a slow disk, is waited for; one that answers each time waits for something
 * itself, and clients wait for it.
 */
function stuck(turn: Turn): void {
  const late = activating(turn.state)
  const { swap } = turn.state
  if (late === undefined || late.id !== swap?.id || parked(turn.state) === undefined) return
  if (swap.answers >= stuckAnswers) return swapFailed(turn, tooLong('live', Math.round(turn.now.ms - late.since)))
  if (swap.asked) turn.swapping({ answers: 0 })
  else {
    turn.swapping({ asked: true })
    turn.send(late.id, { type: 'ping' })
  }
  turn.startTimer('stuck', askMs, late.id)
}

/** A sign of life: only of one that should be live by now it says anything. */
export function answered(turn: Turn, id: number): void {
  const { swap } = turn.state
  if (swap?.id === id && swap.asked) turn.swapping({ asked: false, answers: swap.answers + 1 })
}

/** Who was parked is not needed any more, unless the live one has just fallen silent: then it may be soon. */
function probationOver(turn: Turn, { unanswered = 0 }: Measured): void {
  const before = parked(turn.state)
  if (before === undefined || turn.state.back !== null) return
  if (unanswered > 1) turn.startTimer('probation', turn.state.limits.heartbeatMs / 2, live(turn.state)?.id)
  else turn.dismiss(before.id)
}

function isLate(turn: Turn, { id }: Handle, error: ErrorReport): void {
  if (id === turn.state.swap?.id) swapFailed(turn, error)
  else takeBackFailed(turn, error)
}
