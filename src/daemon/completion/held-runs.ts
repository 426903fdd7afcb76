import type { HeldRun, SpoolEntry } from '../../contracts/runner.ts'
import { readLog } from '../../store/run-log/read-log.ts'
import type { LoggedRun } from '../../store/run-log/read-log.ts'
import { logDirOf } from '../../store/run-log/read-run.ts'
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

  /** What runners and spool know just now. */
  world(): RunnerWorld {
    const spool = new Map(this.#spooled().map((entry) => [entry.run_id, entry.outcome]))
    return {
      knowledge: (runnerId) => {
        if (runnerId !== null && this.#links.get(runnerId) !== undefined)
          return this.#held.get(runnerId) ?? 'unreachable'
        if (runnerId !== null && this.#links.isUnknown(runnerId)) return 'unreachable'
        return runnerId !== null && this.#links.hasDrained(runnerId) ? new Map() : 'gone'
      },
      spooled: (runId) => spool.get(runId),
    }
  }

  /**
   * Tells the runners to end what no request waits for; and, once the journal is on disk, to drop what it holds, and
   * removes what dead runners left in the spool.
   */
  tidy(): void {
    const wanted = new Set(this.#core.requests.processing().map((row) => row.run_id))
    const held = new Set<string>()
    const done: (() => void)[] = []
    for (const [runnerId, runs] of this.#held) {
      const link = this.#links.get(runnerId)
      for (const { run_id, outcome } of runs.values()) {
        held.add(run_id)
        if (wanted.has(run_id)) continue
        if (outcome === undefined) link?.abort(run_id)
        else done.push(() => link?.committed(run_id))
      }
    }
    const { spool } = this.#core.settings.paths
    for (const { run_id } of this.#spooled())
      if (!wanted.has(run_id) && !held.has(run_id)) done.push(() => removeSpool(spool, run_id))
    if (done.length === 0) return
    this.#core.journal.whenSynced(() => {
      for (const act of done) act()
    })
  }

  /** What dead runners left. A damaged file is put aside, with a word. */
  #spooled(): SpoolEntry[] {
    return readSpool(this.#core.settings.paths.spool, (file, err) => {
      this.#core.log.error({ file, err }, 'a damaged outcome was put aside; its request is told as lost')
    })
  }
}
