import { union } from './blame.ts'
import { isBooting } from './questions.ts'
import type { Change, Pending } from './state.ts'
import type { Turn } from './turn.ts'

/** Two changes as one: the newer one, with the files of both and all who wait. */
export function fold(older: Pending, newer: Pending): Pending {
  const { cause, files, at } = older.change
  // What a roll-back would have undone is not what was saved since, and the other way round.
  const apart = isRollback(older.change) !== isRollback(newer.change)
  const both = { ...newer.change, files: apart ? newer.change.files : union(files, newer.change.files) }
  // The first boot is a start, whatever is saved meanwhile. A crash is no save: how long a save took is counted from
  // it.
  const change =
    cause === 'start' ? { ...both, cause, at } : { ...both, at: cause === 'crash' ? both.at : Math.min(at, both.at) }
  return { change, waiters: [...older.waiters, ...newer.waiters] }
}

/** A change is put back in line; what is there already is newer. */
export function pend(turn: Turn, { change, waiters }: Pending): void {
  const older = { change, waiters }
  const { pending } = turn.state
  turn.set({ pending: pending === null ? older : fold(older, pending) })
}

/** A person wants the code from before: what of it is not booted is not the code's fault. */
export function isRollback({ cause, tree }: Change): boolean {
  return cause === 'rollback' && tree !== undefined
}

/** A boot that hangs is not waited for once there is newer code; who waited for it waits for that. */
export function supersede(turn: Turn): void {
  const { swap, pending } = turn.state
  if (swap === null || pending === null || !isBooting(turn.state)) return
  turn.stopTimers('boot', 'first-sign', 'supersede')
  turn.kill(swap.id, 'there is newer code')
  turn.set({ swap: null })
  pend(turn, swap)
}
