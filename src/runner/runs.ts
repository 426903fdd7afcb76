import { providerName } from '../contracts/providers.ts'
import type { ProviderState } from '../contracts/providers.ts'
import type { FromRunnerLine, HeldRun, RunInput, RunOutcome } from '../contracts/runner.ts'
import { startAwakeTimer } from '../lib/awake-timer.ts'
import type { AwakeTimer } from '../lib/awake-timer.ts'
import type { Redactor } from '../lib/keys.ts'
import type { Log } from '../lib/log.ts'
import type { RetentionLimits } from '../store/run-log/retention.ts'
import { RunLog } from '../store/run-log/run-log.ts'
import { ChunkRedactor } from './chunk-redactor.ts'
import { failureOf } from './failure.ts'
import type { ProviderResult } from './providers/provider.ts'
import type { Registry } from './providers/registry.ts'
import type { ProviderStates } from './provider-states.ts'
import { Readers } from './readers.ts'

/** Why a run's signal was aborted; it is the signal's reason. */
type Cut = 'abort' | 'timeout' | 'stop'

interface Run extends HeldRun {
  controller: AbortController
  /** counts only time in which this process ran, as the generation's own beside it does */
  limit: AwakeTimer
  readonly chunks: ChunkRedactor
  done: Promise<void>
}

export interface RunsOptions {
  /** the folder of this runner's log */
  logDir: string
  /** how much of it is kept, once it is taken in */
  limits?: RetentionLimits
  registry: Registry
  log: Log
  states: ProviderStates
  /** Takes the keys out of whatever leaves this process. */
  redact: Redactor
  /**
   * How long a provider may take to end what it has begun, after its signal was aborted. Longer than a program's
   * SIGKILL takes.
   */
  graceMs?: number
}

/**
 * The runs this process holds: running, or ended and not committed by any generation. A run is forgotten only by
 * `committed`, so nothing is lost whatever happens to the connection.
 */
export class Runs {
  readonly #options: RunsOptions
  readonly #runs = new Map<string, Run>()
  #tell: (line: FromRunnerLine) => void = () => {}
  #onEmpty: () => void = () => {}
  #phase: 'open' | 'draining' | 'stopping' = 'open'
  readonly #runLog: RunLog
  readonly readers: Readers

  constructor(options: RunsOptions) {
    this.#options = options
    const { logDir: dir, limits, log } = options
    this.#runLog = new RunLog({ dir, limits, log, onWritten: (runId, chunks) => this.readers.written(runId, chunks) })
    this.readers = new Readers(this.#runLog, { log, hasEnded: (runId) => this.#runs.get(runId)?.outcome !== undefined })
  }

  /** Where progress and outcomes go to. */
  tellTo(tell: (line: FromRunnerLine) => void): void {
    this.#tell = tell
  }

  /** How many have no outcome yet. */
  get running(): number {
    return this.held().filter(({ outcome }) => outcome === undefined).length
  }

  /** How the providers stand. */
  providers(): ProviderState[] {
    return this.#options.redact.json(this.#options.states.list())
  }

  held(): HeldRun[] {
    return [...this.#runs.values()].map(({ run_id, request_id, started_at, limit, outcome }) => ({
      run_id,
      request_id,
      started_at,
      ...(outcome ? { outcome } : { left_ms: limit.leftMs }),
    }))
  }

  /** Starts a run; one that is held already stays as it is. @returns why it was refused, or `undefined` */
  start(input: RunInput): string | undefined {
    if (this.#runs.has(input.run_id)) return undefined
    if (this.#phase !== 'open') return this.#phase
    const { run_id, request_id, attempt } = input
    const controller = new AbortController()
    const run: Run = {
      run_id,
      request_id,
      started_at: Date.now(),
      controller,
      limit: startAwakeTimer(input.timeout_ms, () => controller.abort('timeout' satisfies Cut)),
      chunks: new ChunkRedactor(this.#options.redact, (chunk) => this.#runLog.chunk(run_id, chunk)),
      done: Promise.resolve(),
    }
    this.#runs.set(run_id, run)
    this.#runLog.begin({ run_id, request_id, attempt, at: run.started_at })
    run.done = this.#attempt(run, input).then((outcome) => this.#finish(run, outcome))
    return undefined
  }

  /** Aborts a run; its outcome follows. One that has ended, or is unknown, stays as it is. */
  abort(runId: string): void {
    this.#runs.get(runId)?.controller.abort('abort' satisfies Cut)
  }

  /**
   * A generation has this run's outcome in the journal, or has given the run up: forgets it. What it may still bring is
   * dropped.
   */
  committed(runId: string): void {
    const run = this.#runs.get(runId)
    if (run === undefined) return
    if (!run.outcome) run.controller.abort('abort' satisfies Cut)
    this.#runs.delete(runId)
    this.#runLog.committed(runId, Date.now())
    if (this.#phase === 'draining' && this.#runs.size === 0) this.#onEmpty()
  }

  /** Takes no new runs; calls `onEmpty` once none is held any more. */
  drain(onEmpty: () => void): void {
    if (this.#phase !== 'open') return
    this.#phase = 'draining'
    this.#onEmpty = onEmpty
    if (this.#runs.size === 0) onEmpty()
  }

  /**
   * Aborts all runs and waits until what they have begun has ended. Their requests are told as lost by whoever finds
   * them gone.
   */
  async stop(): Promise<void> {
    this.#phase = 'stopping'
    for (const run of this.#runs.values()) if (!run.outcome) run.controller.abort('stop' satisfies Cut)
    await Promise.all([...this.#runs.values()].map((run) => run.done))
    this.#runLog.close()
  }

  /** Runs the provider; never rejects. */
  async #attempt(run: Run, input: RunInput): Promise<RunOutcome> {
    const { signal } = run.controller
    const begun = performance.now()
    const took = (): { provider: string; started_at: number; duration_ms: number } => ({
      provider: providerName(input.model),
      started_at: run.started_at,
      duration_ms: Math.round(performance.now() - begun),
    })
    try {
      const result = await this.#orCut(this.#call(run, input), signal)
      return { status: 'completed', ...took(), ...result }
    } catch (error) {
      if (signal.reason === 'timeout') {
        const message =
          `The provider gave no result within ${input.timeout_ms} ms. ` +
          'Give the request a longer timeout_ms, or ask for less.'
        return { status: 'failed', ...took(), reason: 'timeout', message, retryable: true }
      }
      if (signal.aborted) return { status: 'aborted', ...took() }
      return { status: 'failed', ...took(), ...failureOf(error, input.model) }
    } finally {
      run.limit.stop()
    }
  }

  async #call(run: Run, input: RunInput): Promise<ProviderResult> {
    const { run_id, request_id } = run
    const { signal } = run.controller
    const { registry, redact } = this.#options
    const provider = await registry.find(input.model)
    signal.throwIfAborted()
    return provider.run(input, {
      signal,
      onProgress: (data) => {
        if (!run.outcome && !signal.aborted)
          this.#tell({ type: 'progress', run_id, request_id, data: redact.json(data) })
      },
      onChunk: (chunk) => {
        if (!run.outcome && !signal.aborted) run.chunks.take(chunk)
      },
    })
  }

  /**
   * The call's result. When the signal aborts, the provider is waited for, so that the conversation's next run cannot
   * begin beside what is left of this one; but not for ever.
   */
  #orCut(call: Promise<ProviderResult>, signal: AbortSignal): Promise<ProviderResult> {
    return new Promise((resolve, reject) => {
      let grace: AwakeTimer | undefined
      const cut = (): void => {
        grace = startAwakeTimer(this.#options.graceMs ?? 2_500, () => {
          this.#options.log.error('a provider did not end in time after it was aborted')
          reject(new Error('aborted'))
        })
      }
      signal.addEventListener('abort', cut, { once: true })
      call.then(resolve, reject).finally(() => {
        grace?.stop()
        signal.removeEventListener('abort', cut)
      })
    })
  }

  #finish(run: Run, ended: RunOutcome): void {
    const { log, redact, states } = this.#options
    const { run_id, request_id } = run
    if (this.#runs.get(run_id) !== run) return
    run.chunks.end()
    const outcome = redact.json(ended)
    states.note(outcome)
    if (this.#phase === 'stopping' && outcome.status !== 'completed' && run.controller.signal.reason === 'stop') {
      // Not an outcome of the request: nobody has cancelled it. It died with its runner.
      this.#runs.delete(run_id)
      return
    }
    run.outcome = outcome
    this.#keep(run_id, outcome)
    this.readers.ended(run_id)
    log.debug({ run_id, request_id, status: outcome.status, duration_ms: outcome.duration_ms }, 'run ended')
    this.#tell({ type: 'outcome', run_id, request_id, outcome })
  }

  /** What cannot be written is told all the same; the log tries again. */
  #keep(runId: string, outcome: RunOutcome): void {
    try {
      this.#runLog.end(runId, outcome, Date.now())
    } catch (error) {
      this.#options.log.error({ err: error, runId }, 'an outcome could not be written into the run log')
    }
  }
}
