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

/** Whether somebody may still write to the journal. */
export function isHeld({ handles }: State): boolean {
  return handles.some(({ holds }) => holds)
}

/** Whether the process of the change can be given up at no cost: it has not been given anything. */
export function isBooting(state: State): boolean {
  const phase = next(state)?.phase
  return phase === 'spare' || phase === 'booting'
}
