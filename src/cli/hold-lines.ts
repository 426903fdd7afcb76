import type { Hold } from '../contracts/holds.ts'
import { brief, duration, moment } from './output.ts'

/** What is held: `anthropic`, `conversation c1`, `everything`. */
export function heldThing({ scope, name }: Pick<Hold, 'scope' | 'name'>): string {
  if (scope === 'all') return 'everything'
  return scope === 'provider' || scope === 'model' ? name : `${scope} ${name}`
}

/** A hold as a sentence: what, until when, and why. @param now epoch ms */
export function holdLine(hold: Hold, now = Date.now()): string {
  return `${heldThing(hold)} is held ${untilWhen(hold, now)}: ${hold.cause}, ${brief(hold.reason, 200)}`
}

function untilWhen({ until, phase, probe }: Hold, now: number): string {
  if (phase === 'probing') return `until its probe, ${probe ?? ''}, is answered`
  if (phase === 'due') return 'until a probe is answered: the next request is it'
  if (until === null) return 'until it is released (ksi release)'
  return `until ${moment(until)} (${duration(Math.max(0, Date.parse(until) - now))} from now)`
}
