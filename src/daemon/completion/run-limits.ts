import { startAwakeTimer } from '../../lib/awake-timer.ts'
import type { AwakeTimer } from '../../lib/awake-timer.ts'
import type { Core } from '../core.ts'
import { timeLimitOf } from './run-input.ts'
import type { RunnerLinks } from './runner-links.ts'
import { giveUp } from './settle.ts'

/** A run that is watched. */
interface WatchedRun {
  run_id: string
  request_id: string
}

/**
 * So long, in ms, a run that is over its time limit, or was cancelled, may take to say so: a provider gets time to end
 * what it has begun. Longer than the runner's own, which is asked first.
 */
const graceMs = 5_000
/** After a failure (a full disk) giving up is tried again, in ms. */
const retryMs = 1_000

/**
 * The time limits of all runs, kept outside the process they run in: the runner keeps them too and ends a run in peace;
 * this is for the one that does not answer. Only time in which this process itself runs counts. After a hand-over the
 * runner says how much is left; where it does not answer, the limit begins anew.
 */
export class RunLimits {
  readonly #timers = new Map<string, AwakeTimer>()
  /** Those that were told to end. */
  readonly #cut = new Set<string>()
  readonly #core: Core
  readonly #links: RunnerLinks
  readonly #onGivenUp: (runnerId: string, runId: string) => void

  /** @param onGivenUp called for a run that has not ended in its time and the grace after it */
  constructor(core: Core, links: RunnerLinks, onGivenUp: (runnerId: string, runId: string) => void) {
    this.#core = core
    this.#links = links
    this.#onGivenUp = onGivenUp
  }

  /** Every run that has not ended has a limit: also one that no runner has told of. */
  watchAll(): void {
    const unfinished = this.#core.journal.runs.unfinished()
    const ids = new Set(unfinished.map(({ run_id }) => run_id ?? ''))
    for (const runId of this.#timers.keys()) if (!ids.has(runId)) this.end(runId)
    for (const { run_id, request_id, state } of unfinished) {
      if (run_id === null) continue
      if (state !== 'processing') this.cut({ run_id, request_id })
      else if (!this.#timers.has(run_id)) this.begin({ run_id, request_id }, timeLimitOf(this.#core, request_id))
    }
  }

  /** A run has so many ms left; one that was told to end has not. */
  begin(run: WatchedRun, leftMs: number): void {
    if (!this.#cut.has(run.run_id)) this.#start(run, leftMs)
  }

  /** A run was told to end: it has no more than the grace. */
  cut(run: WatchedRun): void {
    if (this.#cut.has(run.run_id)) return
    this.#cut.add(run.run_id)
    this.#start(run, 0)
  }

  end(runId: string): void {
    this.#timers.get(runId)?.stop()
    this.#timers.delete(runId)
    this.#cut.delete(runId)
  }

  close(): void {
    for (const runId of this.#timers.keys()) this.end(runId)
  }

  #start(run: WatchedRun, leftMs: number, grace = graceMs): void {
    this.#timers.get(run.run_id)?.stop()
    this.#timers.set(
      run.run_id,
      startAwakeTimer(leftMs + grace, () => this.#over(run)),
    )
  }

  /** Its runner does not answer: the run is over, whatever becomes of it there. */
  #over(run: WatchedRun): void {
    const { run_id, request_id } = run
    const { journal, requests, log } = this.#core
    this.end(run_id)
    const row = requests.get(request_id)
    if (row?.run_id !== run_id) return
    try {
      journal.tx(() => giveUp(this.#core, row))
    } catch (err) {
      log.error({ request_id, err }, 'a run that does not answer could not be given up, trying again')
      return this.#start(run, retryMs, 0)
    }
    log.error({ request_id, run_id, runner: row.runner_id }, 'a run does not answer within its time: it is given up')
    const link = this.#links.get(row.runner_id)
    journal.whenSynced(() => link?.committed(run_id))
    this.#onGivenUp(row.runner_id ?? '', run_id)
  }
}
