import type { ProviderState } from '../contracts/providers.ts'
import type { RunOutcome } from '../contracts/runner.ts'
import { isoOrNull } from '../lib/time.ts'
import type { Provider } from './providers/provider.ts'

interface Tally {
  completed: number
  failed: number
  healthy: boolean | null
  lastSuccess: number | null
  lastFailure: number | null
  lastError: string | null
}

/** How the providers of this runner stand: what they lack, and how their runs have ended. */
export class ProviderStates {
  readonly #providers: readonly Provider[]
  readonly #records = new Map<string, Tally>()

  constructor(providers: readonly Provider[]) {
    this.#providers = providers
  }

  list(): ProviderState[] {
    return this.#providers.map((provider) => {
      const record = this.#recordOf(provider.name)
      const problem = provider.missing?.() ?? null
      return {
        provider: provider.name,
        configured: problem === null,
        problem,
        healthy: record.healthy,
        completed: record.completed,
        failed: record.failed,
        last_success: isoOrNull(record.lastSuccess),
        last_failure: isoOrNull(record.lastFailure),
        last_error: record.lastError,
      }
    })
  }

  /** A run has ended. What its request asked wrongly, or somebody cut, says nothing of the provider. */
  note(outcome: RunOutcome): void {
    const record = this.#recordOf(outcome.provider)
    const now = Date.now()
    if (outcome.status === 'completed') {
      record.completed += 1
      Object.assign(record, { healthy: true, lastSuccess: now } satisfies Partial<Tally>)
    } else if (outcome.status === 'failed' && outcome.reason !== 'invalid_request') {
      record.failed += 1
      const lastError = outcome.message.slice(0, 500)
      Object.assign(record, { healthy: false, lastFailure: now, lastError } satisfies Partial<Tally>)
    }
  }

  #recordOf(name: string): Tally {
    const known = this.#records.get(name)
    if (known !== undefined) return known
    const record = { completed: 0, failed: 0, healthy: null, lastSuccess: null, lastFailure: null, lastError: null }
    this.#records.set(name, record)
    return record
  }
}
