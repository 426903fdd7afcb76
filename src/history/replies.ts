import type { Outcome } from './event.ts'
import { Faults } from './faults.ts'

/** A request, and what replies said of it. */
export interface Asked {
  acknowledged: boolean
  cancelAsked: boolean
  /** its cancel was confirmed */
  cancelled: boolean
  /** the state `completion:wait` replied; undefined where nobody waited */
  waited: string | undefined
}

/**
 * Replies and events tell the same story.
 * @returns what is wrong
 */
export function checkReplies(
  asked: ReadonlyMap<string, Asked>,
  outcomes: ReadonlyMap<string, Outcome>,
): readonly string[] {
  const faults = new Faults()
  for (const [id, { state }] of outcomes) {
    const request = asked.get(id)
    if (request === undefined) continue
    if (state === 'cancelled' && !request.cancelAsked) faults.add(`${id} was cancelled by nobody`)
    if (state !== 'cancelled' && request.cancelled) faults.add(`${id} is ${state}, though its cancel was confirmed`)
    if (request.waited !== undefined && request.waited !== state)
      faults.add(`${id} is ${state}, and completion:wait said ${request.waited}`)
  }
  return faults.found
}
