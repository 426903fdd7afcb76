import { activating, live, next, retiring } from './questions.ts'
import type { State } from './state.ts'
import { retireMs } from './swap.ts'
import type { Turn } from './turn.ts'

/** Ends all; the live one takes a checkpoint first. What is going live already is not cut off. */
export function stop(turn: Turn, reason: NonNullable<State['stopping']>): void {
  if (turn.state.stopping !== null) return
  turn.showPhase('stopping')
  turn.stopTimers('retry', 'supersede', 'refill', 'boot', 'first-sign')
  turn.set({ stopping: reason, pending: null, deferred: false })
  limitAll(turn)
  const { swap } = turn.state
  if (swap === null || activating(turn.state)?.id === swap.id) return
  if (swap.heldAt !== null && next(turn.state)?.phase === 'standby') return
  turn.kill(swap.id, 'ksi is stopping')
  turn.set({ swap: null })
}

/** Deadlines that run hold for everybody from now on, also at a breakpoint. */
function limitAll(turn: Turn): void {
  if (activating(turn.state) !== undefined) turn.startTimer('activate', turn.state.limits.bootMs)
  if (retiring(turn.state) !== undefined) turn.startTimer('retire', retireMs)
}

/** Does the next thing of a stop. */
export function goOnStopping(turn: Turn, reason: NonNullable<State['stopping']>): void {
  if (turn.state.swap !== null || activating(turn.state) !== undefined || retiring(turn.state) !== undefined) return
  const serving = live(turn.state)
  if (serving !== undefined) {
    turn.do({ type: 'hold' })
    turn.do({ type: 'unwatch', id: serving.id })
    turn.send(serving.id, { type: 'retire', reason, files: [] })
    turn.move(serving.id, 'retiring')
    turn.startTimer('retire', retireMs)
    return
  }
  turn.stopTimers('probation')
  for (const { id, phase } of turn.state.handles) if (phase !== 'retired') turn.dismiss(id)
  if (turn.state.handles.length > 0 || turn.state.stopped) return
  turn.set({ stopped: true })
  turn.do({ type: 'stopped' })
}
