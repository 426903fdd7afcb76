import type { EventReply, FrontEventName } from '../contracts/events.ts'
import type { AbsentHealth } from '../contracts/events/system.ts'

/** What the supervisor answers: its own events, and `system:health` while no generation is live. */
export type Answers = {
  [N in FrontEventName]: () => EventReply<N> | Promise<EventReply<N>>
} & { 'system:health': () => AbsentHealth }

/** Gives the front, which knows names only, the answer of an event. */
export function answerFrom(answers: Answers): (event: string) => unknown {
  const byName: Record<string, () => unknown> = answers
  return (event) => (Object.hasOwn(byName, event) ? byName[event]?.() : undefined)
}
