import { backoffMs } from '../../lib/backoff.ts'

/*
 * When a provider, or a model of one, is left alone, and when it is tried again: a pure state machine. A limit of use
 * opens it at once, overload and network at some failures in a row. While it is open nothing is started; when its time
 * is over one run goes as a probe, and only if that is answered the others follow. Times are ms of one clock, runs are
 * known by their number.
 */

export type Circuit =
  | { phase: 'closed'; failures: number; since: number }
  | { phase: 'open'; until: number; times: number }
  | { phase: 'half-open'; until: number; times: number; probe: number }

export type CircuitEvent =
  /** a run is let through */
  | { type: 'begun'; at: number; run: number }
  /** the provider answered it */
  | { type: 'answered'; at: number; run: number }
  /** the provider did not, and may have said how long to wait */
  | { type: 'failed'; at: number; run: number; retryAfterMs?: number | undefined }
  /** it ended, and says nothing of the provider: cancelled, lost, refused */
  | { type: 'ended'; at: number; run: number }

export interface CircuitRules {
  /** so many failures in a row open it */
  failures: number
  /** of which the first is no longer ago, in ms */
  windowMs: number
  /** the wait after it opens, and the longest one, in ms */
  baseMs: number
  maxMs: number
  /** the longest wait a provider may ask for, in ms */
  longestMs: number
  /** a number in [0, 1); given by tests */
  random?: () => number
}

export const closed: Circuit = { phase: 'closed', failures: 0, since: 0 }

/** How many runs it lets through at a time. */
export function lets(circuit: Circuit, at: number): 'all' | 'one' | 'none' {
  if (circuit.phase === 'closed') return 'all'
  return circuit.phase === 'open' && circuit.until <= at ? 'one' : 'none'
}

/** What becomes of it by an event. */
export function step(circuit: Circuit, event: CircuitEvent, rules: CircuitRules): Circuit {
  const isProbe = circuit.phase === 'half-open' && circuit.probe === event.run
  if (event.type === 'begun') {
    if (circuit.phase !== 'open' || circuit.until > event.at) return circuit
    return { phase: 'half-open', until: circuit.until, times: circuit.times, probe: event.run }
  }
  if (event.type === 'answered') return isProbe || circuit.phase === 'closed' ? closed : circuit
  if (event.type === 'ended') return isProbe ? { phase: 'open', until: circuit.until, times: circuit.times } : circuit
  if (circuit.phase === 'closed') return failedOnce(circuit, event, rules)
  return isProbe ? openFor(circuit.times + 1, event, rules) : longer(circuit, event, rules)
}

type Failed = Extract<CircuitEvent, { type: 'failed' }>

function failedOnce({ failures, since }: Extract<Circuit, { phase: 'closed' }>, event: Failed, rules: CircuitRules) {
  const isRow = failures > 0 && event.at - since <= rules.windowMs
  const counted = { failures: isRow ? failures + 1 : 1, since: isRow ? since : event.at }
  if (counted.failures >= rules.failures) return openFor(1, event, rules)
  return { phase: 'closed' as const, ...counted }
}

function openFor(times: number, { at, retryAfterMs }: Failed, rules: CircuitRules): Circuit {
  const { random = Math.random } = rules
  const asked = retryAfterMs === undefined ? undefined : bounded(retryAfterMs, rules) + Math.round(random() * spreadMs)
  return { phase: 'open', times, until: at + (asked ?? backoffMs(times, { ...rules, random })) }
}

/** What was begun before it opened may hear of a later end. */
function longer(
  circuit: Exclude<Circuit, { phase: 'closed' }>,
  { at, retryAfterMs }: Failed,
  rules: CircuitRules,
): Circuit {
  const until = retryAfterMs === undefined ? 0 : at + bounded(retryAfterMs, rules)
  return until > circuit.until ? { ...circuit, until } : circuit
}

/** Just after its time a limit may not be gone yet, and others wait for the same moment. */
const spreadMs = 1_000

function bounded(ms: number, { longestMs }: CircuitRules): number {
  return Math.min(longestMs, Math.max(spreadMs, Math.round(ms)))
}
