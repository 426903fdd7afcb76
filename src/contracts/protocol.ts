/*
 * Runner host, runners and daemon outlive each other, so two that talk may have been started from different code. Each
 * says which version of their contract it speaks, and the oldest it can still talk to. Unknown fields are ignored and
 * missing ones have defaults, so a version goes up only where that is not enough. No library here: the runner host is
 * to be small.
 */

/** What one side speaks. */
export interface Protocol {
  /** the version of the contract it was written for */
  readonly protocol: number
  /** the oldest version of the other side it can talk to */
  readonly oldest: number
}

/** contracts/runner-host.ts */
export const hostProtocol: Protocol = { protocol: 1, oldest: 1 }
/** contracts/runner.ts */
export const runnerProtocol: Protocol = { protocol: 1, oldest: 1 }

/** Which of two sides has to be updated so that they can talk; null when they can. */
export function whoIsTooOld(ours: Protocol, theirs: Protocol): 'ours' | 'theirs' | null {
  if (theirs.protocol < ours.oldest) return 'theirs'
  return ours.protocol < theirs.oldest ? 'ours' : null
}
