import type { Core } from '../core.ts'
import type { EndedRun } from './runner-link.ts'
import { settle } from './settle.ts'

const takingIn = 'taking in an outcome'

/** Takes outcomes of runs into the journal. */
export class TakingIn {
  readonly #core: Core
  /** Runs whose outcome could not be taken in yet. */
  readonly #untaken = new Set<string>()

  constructor(core: Core) {
    this.#core = core
  }

  /** Takes in all that it can, in one transaction. @returns those it could not, each with the reason */
  take(ended: readonly EndedRun[]): Map<EndedRun, unknown> {
    const { journal, log, troubles } = this.#core
    const problems = new Map<EndedRun, unknown>()
    try {
      journal.tx(() => {
        for (const run of ended) this.#takeOne(run, problems)
        journal.hand.clear()
      })
    } catch (error) {
      for (const run of ended) problems.set(run, error)
    }
    if (problems.size > 0) this.#core.budgets.forget()
    for (const run of ended) {
      if (problems.has(run)) this.#untaken.add(run.run_id)
      else this.#untaken.delete(run.run_id)
    }
    for (const [{ request_id }, err] of problems)
      log.error({ request_id, err }, 'an outcome could not be taken in, trying again')
    if (this.#untaken.size === 0) troubles.well(takingIn)
    else if (problems.size > 0) troubles.failed(takingIn, problems.values().next().value)
    return problems
  }

  /** One that cannot be taken in is no trouble to the others. */
  #takeOne(run: EndedRun, problems: Map<EndedRun, unknown>): void {
    const { journal, requests } = this.#core
    try {
      journal.tx(() => {
        const row = requests.get(run.request_id)
        if (row === undefined || row.run_id !== run.run_id) return
        if (row.state !== 'processing') {
          journal.runs.end(row, 'cancelled', Date.now())
          return
        }
        journal.hand.take(run.request_id)
        settle(this.#core, row, run.outcome)
      })
    } catch (error) {
      problems.set(run, error)
    }
  }
}
