import { createHash } from 'node:crypto'
import type { RunInput } from '../../contracts/runner.ts'

/**
 * The session of a provider that keeps none: the one before, whatever a client has called it; a new one where that was
 * another provider's, which would take it up again as if nothing had been said since. Every try of a request gets the
 * same.
 */
export function sessionOf(input: RunInput, name: string): string {
  const { session_id: before, session_provider: owner } = input
  return before !== undefined && (owner === undefined || owner === name) ? before : newSession(name, input.request_id)
}

export function newSession(name: string, of: string): string {
  return `${name}-${createHash('sha256').update(of).digest('hex').slice(0, 12)}`
}
