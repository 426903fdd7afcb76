import { KsiError } from '../../lib/errors.ts'
import type { Handle, Phase, State } from './state.ts'

const inPhase =
  (phase: Phase) =>
  ({ handles }: State): Handle | undefined =>
    handles.find((handle) => handle.phase === phase)

/** The generation that serves. */
export const live = inPhase('live')
/** The one that is letting go. */
export const retiring = inPhase('retiring')
/** The one that is going live. */
export const activating = inPhase('activating')
/** The generation before, which can take the journal back. */
export const parked = inPhase('parked')

export function handleOf({ handles }: State, id: number): Handle | undefined {
  return handles.find((handle) => handle.id === id)
}

/** The process of the change that is being worked on. */
export function next(state: State): Handle | undefined {
  return state.swap === null ? undefined : handleOf(state, state.swap.id)
}

/** The process that waits for a save. */
export function spare({ handles, swap }: State): Handle | undefined {
  return handles.find(({ phase, id }) => phase === 'spare' && id !== swap?.id)
}

/** Whether the code on disk is what serves, as far as is known. */
export function isGood(state: State): boolean {
  return live(state) !== undefined && state.failed.length === 0 && state.pending === null
}

/**
 * The source a roll-back goes to: what was live before the one that is; where nobody is live and the files have changed
 * since, what was live last.
 * @param newest what is on disk
 * @throws KsiError KSI_NOT_FOUND when there is none, KSI_RESTARTING while it is not clear yet what is live
 */
export function rollbackTarget(state: State, newest: string | undefined): string {
  const { trees, swap, pending, back, stopping } = state
  if (newest === undefined) throw new KsiError('KSI_NOT_FOUND', 'Code that was live is kept in dev mode only.')
  // A restart that waits for its time is all that may wait.
  const isClear = swap === null && back === null && (pending === null || pending.change.cause === 'crash')
  if (stopping !== null || !isClear || isHeld({ ...state, handles: state.handles.filter(isNotLive) }))
    throw new KsiError('KSI_RESTARTING', 'Other code is just going live. Look at `ksi status`, and try again.')
  const isDown = live(state) === undefined && trees.at(-1) !== newest
  const tree = trees.at(isDown ? -1 : -2)
  if (tree !== undefined) return tree
  const message = 'There is no code that was live before this since ksi was started: nothing to roll back to.'
  throw new KsiError('KSI_NOT_FOUND', message)
}

const isNotLive = ({ phase }: Handle): boolean => phase !== 'live'

/** Those that have the journal, or are about to: clients wait for them. */
export function holders({ handles }: State): Handle[] {
  return handles.filter(({ phase }) => phase === 'activating' || phase === 'live' || phase === 'retiring')
}

/** Whether somebody may still write to the journal. */
export function isHeld({ handles }: State): boolean {
  return handles.some(({ holds }) => holds)
}

/** Whether the process of the change can be given up at no cost: it has not been given anything. */
export function isBooting(state: State): boolean {
  const phase = next(state)?.phase
  return phase === 'spare' || phase === 'booting'
}
