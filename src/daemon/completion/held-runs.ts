import type { HeldRun } from '../../contracts/runner.ts'
import { readLog } from '../../store/run-log/read-log.ts'
import type { LoggedRun } from '../../store/run-log/read-log.ts'
import { logDirOf } from '../../store/run-log/read-run.ts'
import { saidText } from '../../store/run-log/said-text.ts'
import type { Core } from '../core.ts'
import type { RunnerWorld } from './reconcile.ts'
import type { RunnerLinks } from './runner-links.ts'

/**
 * What each runner holds: what it said when it was last reached, and what was started since; and what the dead left.
 */
export class HeldRuns {
  readonly #core: Core
  readonly #links: RunnerLinks
  readonly #held = new Map<string, Map<string, HeldRun>>()
  /** the logs of runners that are no more, read once: nothing is added to them */
  readonly #left = new Map<string, Map<string, LoggedRun>>()

  constructor(core: Core, links: RunnerLinks) {
    this.#core = core
    this.#links = links
  }

  /** A runner was reached: these are all the runs it holds. */
  told(runnerId: string, runs: HeldRun[]): void {
    this.#held.set(runnerId, new Map(runs.map((run) => [run.run_id, run])))
  }

  add(runnerId: string, run: HeldRun): void {
    this.#held.get(runnerId)?.set(run.run_id, run)
  }

  drop(runnerId: string, runId: string): void {
    this.#held.get(runnerId)?.delete(runId)
  }

  gone(runnerId: string): void {
    this.#held.delete(runnerId)
  }

  /** What runners and the logs of the dead know just now. */
  world(): RunnerWorld {
    return {
      knowledge: (runnerId) => {
        if (runnerId !== null && this.#links.get(runnerId) !== undefined)
          return this.#held.get(runnerId) ?? 'unreachable'
        if (runnerId !== null && this.#links.isUnknown(runnerId)) return 'unreachable'
        return runnerId !== null && this.#links.hasDrained(runnerId) ? new Map() : 'gone'
      },
      left: (runnerId, runId) =>
        this.#links.get(runnerId) === undefined ? this.#logOf(runnerId).get(runId)?.outcome : undefined,
      said: (runnerId, runId) => {
        const run = this.#logOf(runnerId).get(runId)
        return run && saidText(this.#dirOf(runnerId), run.n)
      },
    }
  }

  /**
   * Tells the runners to end what no request waits for; and, once the journal is on disk, to drop what it holds.
   */
  tidy(): void {
    const wanted = new Set(this.#core.requests.processing().map((row) => row.run_id))
    const done: (() => void)[] = []
    for (const [runnerId, runs] of this.#held) {
      const link = this.#links.get(runnerId)
      for (const { run_id, outcome } of runs.values()) {
        if (wanted.has(run_id)) continue
        if (outcome === undefined) link?.abort(run_id)
        else done.push(() => link?.committed(run_id))
      }
    }
    if (done.length === 0) return
    this.#core.journal.whenSynced(() => {
      for (const act of done) act()
    })
  }

  #dirOf(runnerId: string): string {
    return logDirOf(this.#core.settings.paths.runLogs, runnerId)
  }

  /** Everything in it is taken in or told by the time its runner is forgotten. */
  #logOf(runnerId: string): Map<string, LoggedRun> {
    const known = this.#left.get(runnerId)
    if (known !== undefined) return known
    let runs = new Map<string, LoggedRun>()
    try {
      runs = readLog(this.#dirOf(runnerId))
    } catch (err) {
      this.#core.log.error({ runner: runnerId, err }, 'what a runner that is no more has left cannot be read')
    }
    this.#left.set(runnerId, runs)
    return runs
  }
}
