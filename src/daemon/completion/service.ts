import type { RestoreReport } from '../../contracts/control.ts'
import type { EventReply } from '../../contracts/events.ts'
import type { HeldRun } from '../../contracts/runner.ts'
import type { JournalEvent } from '../../store/events.ts'
import type { RequestRow } from '../../store/rows.ts'
import { removeOldLogs } from '../../store/run-log/remove-old.ts'
import type { Core } from '../core.ts'
import type { EndedRun, RunnerLink, RunnerListener } from './runner-link.ts'
import type { RunnerLinks } from './runner-links.ts'
import { cancelRequest } from './cancel.ts'
import { Dispatcher } from './dispatcher.ts'
import { HeldRuns } from './held-runs.ts'
import { tellProgress } from './progress.ts'
import { emptyReport, quarantine, reconcile } from './reconcile.ts'
import { ResponseFiles } from './response-files.ts'
import { RunLimits } from './run-limits.ts'
import { registerCompletion } from './register.ts'
import { Standstill } from './standstill.ts'
import { Streams } from './streams.ts'
import { TakingIn } from './taking-in.ts'
import { Waiters } from './waiters.ts'

const retryMs = 1_000
const bringing = 'bringing runs into line with their runner'
const outcomeEvents = new Set(['completion:result', 'completion:failed', 'completion:cancelled'])

/** The completion service: requests in, runs out, outcomes back into the journal. */
export class CompletionService implements RunnerListener {
  readonly links: RunnerLinks
  readonly streams: Streams
  readonly #core: Core
  readonly #dispatcher: Dispatcher
  readonly #files: ResponseFiles
  readonly #waiters: Waiters
  readonly #held: HeldRuns
  readonly #limits: RunLimits
  #restored = false
  /** Until then the journal, and what it took in, may still be given up for the copy set aside before a migration. */
  #open = false
  #closed = false
  #retries = new Set<NodeJS.Timeout>()
  readonly #takingIn: TakingIn
  readonly #standstill: Standstill

  constructor(core: Core, links: RunnerLinks) {
    this.#core = core
    this.links = links
    links.listen(this)
    this.#dispatcher = new Dispatcher(core, this.links, (link, { run_id, request_id, timeout_ms }) => {
      this.#held.add(link.id, { run_id, request_id, started_at: Date.now() })
      this.#limits.begin({ run_id, request_id }, timeout_ms)
    })
    this.#limits = new RunLimits(core, links, (runnerId, runId) => {
      this.#held.drop(runnerId, runId)
      this.#dispatcher.kick()
    })
    this.#held = new HeldRuns(core, links)
    this.#files = new ResponseFiles(core)
    this.#standstill = new Standstill(core, links, () => this.#dispatcher.couldStart())
    this.#takingIn = new TakingIn(core)
    this.#waiters = new Waiters(core)
    this.streams = new Streams(core, links)
    core.journal.onEvents((events) => this.#follow(events))
    registerCompletion(core, links, {
      kick: () => this.#dispatcher.kick(),
      cancel: (requestId) => this.cancel(requestId),
      wait: (requestId, limitMs) => this.#waiters.wait(requestId, limitMs),
    })
  }

  /**
   * Restores: quarantines, adopts, queues again, tells what is lost. One transaction: it happens whole or not at all.
   */
  restore(crashed: boolean): RestoreReport {
    const report = emptyReport()
    const world = this.#held.world()
    this.#core.journal.tx(() => {
      quarantine(this.#core, crashed, report)
      reconcile(this.#core, world, report)
      report.queued = this.#core.requests.total('queued')
      // Runner and spool forget an outcome only when it is committed: `dev:restore` is a part of a larger transaction.
      this.#core.journal.afterCommit(() => {
        this.#restored = true
        this.#limits.watchAll()
        this.#files.begin()
        if (this.#open) this.#held.tidy()
      })
    })
    return report
  }

  /** Removes the logs of runners that are no more, and of which everything is taken in, when they are old. */
  async removeOldLogs(): Promise<number> {
    // While no runner is known it is not known either which of them live.
    if (this.links.accepting() === undefined) return 0
    const { settings, journal } = this.#core
    const wanted = new Set(journal.runs.unfinished().map(({ runner_id }) => runner_id))
    const isNeeded = (id: string): boolean => wanted.has(id) || this.links.get(id) !== undefined
    const limits = { ageMs: settings.KSI_RUN_LOGS_KEPT_MS, bytes: settings.KSI_RUN_LOG_BYTES }
    return removeOldLogs(settings.paths.runLogs, isNeeded, limits)
  }

  /** Begins to start requests, and lets the runners forget what is taken in: when everything of the daemon is ready. */
  open(): void {
    this.#open = true
    this.#held.tidy()
    this.#dispatcher.open()
    this.#standstill.begin()
  }

  /** Lets go: nothing is started and no outcome taken in any more; runs go on in the runner. */
  close(): void {
    this.#closed = true
    this.#dispatcher.close()
    this.links.close()
    this.#files.close()
    this.#waiters.close()
    this.streams.close()
    this.#limits.close()
    this.#standstill.close()
    for (const timer of this.#retries) clearTimeout(timer)
  }

  /** Something may be started that could not be before. */
  kick(): void {
    this.#dispatcher.kick()
  }

  /**
   * Cancels a request. Call within a transaction. @throws KsiError KSI_NOT_FOUND, KSI_BAD_REQUEST when it has an
   * outcome
   */
  cancel(requestId: string, reason: 'cancelled' | 'removed' = 'cancelled'): EventReply<'completion:cancel'> {
    const after = ({ run_id, runner_id, state }: RequestRow): void => {
      // A running one keeps its conversation until the runner says that it has ended: never two at once. One that does
      // not say so is given up.
      if (run_id !== null && state === 'processing') {
        this.links.get(runner_id)?.abort(run_id)
        this.#limits.cut({ run_id, request_id: requestId })
      }
      this.#dispatcher.kick()
    }
    return cancelRequest(this.#core, requestId, { reason, after })
  }

  outcomes(link: RunnerLink, ended: EndedRun[]): void {
    if (this.#closed || ended.length === 0) return
    const problems = this.#takingIn.take(ended)
    const taken = ended.filter((run) => !problems.has(run))
    this.#forget(link, taken)
    // The runner keeps it until it is committed; nothing is lost while the disk is full.
    if (problems.size > 0) this.#retry(() => this.outcomes(link, [...problems.keys()]))
    this.#dispatcher.kick()
  }

  /** What is taken in, and on disk, the runner may forget; but not while the journal may still be given up. */
  #forget(link: RunnerLink, ended: EndedRun[]): void {
    for (const { run_id, request_id, outcome } of ended) {
      this.#limits.end(run_id)
      if (this.#open) this.#held.drop(link.id, run_id)
      else this.#held.add(link.id, { run_id, request_id, started_at: outcome.started_at, outcome })
    }
    if (!this.#open) return
    this.#core.journal.whenSynced(() => {
      for (const { run_id } of ended) link.committed(run_id)
    })
  }

  /** What is told, and on disk: first the files, then those who wait; the monitor pushes it after that. */
  #follow(events: JournalEvent[]): void {
    if (this.#closed) return
    this.#files.follow(events)
    this.streams.follow(events)
    for (const { name, data } of events)
      if (outcomeEvents.has(name) && typeof data.request_id === 'string') this.#waiters.notify(data.request_id)
  }

  #retry(work: () => void): void {
    const timer = setTimeout(() => {
      this.#retries.delete(timer)
      work()
    }, retryMs)
    this.#retries.add(timer)
  }

  progress(requestId: string, data: Record<string, unknown>): void {
    if (!this.#closed && this.#restored) tellProgress(this.#core, requestId, data)
  }

  welcomed(link: RunnerLink, runs: HeldRun[]): void {
    this.#held.told(link.id, runs)
    for (const run of runs) if (run.left_ms !== undefined) this.#limits.begin(run, run.left_ms)
    if (!this.#restored || this.#closed) return
    this.#reconcileRunner(link.id)
  }

  refused(link: RunnerLink, runId: string, reason: string): void {
    if (this.#closed) return
    this.#core.log.warn({ runner: link.id, run_id: runId, reason }, 'the runner refused a run')
    link.accepting = false
    this.#held.drop(link.id, runId)
    this.#reconcileRunner(link.id)
  }

  gone(runnerId: string): void {
    this.#held.gone(runnerId)
    if (!this.#restored || this.#closed) return
    this.#reconcileRunner(runnerId)
  }

  #reconcileRunner(runnerId: string): void {
    const report = emptyReport()
    try {
      this.#core.journal.tx(() => reconcile(this.#core, this.#held.world(), report, runnerId))
    } catch (error) {
      this.#core.budgets.forget()
      this.#core.log.error(
        { runner: runnerId, err: error },
        'requests of a runner could not be brought into line, trying again',
      )
      this.#core.troubles.failed(bringing, error)
      this.#retry(() => this.#reconcileRunner(runnerId))
      return
    }
    this.#core.troubles.well(bringing)
    if (this.#open) this.#held.tidy()
    this.#limits.watchAll()
    this.#dispatcher.kick()
    if (report.lost + report.requeued + report.recovered_outcomes > 0)
      this.#core.log.warn({ runner: runnerId, ...report }, 'requests of a runner were brought into line')
  }
}
