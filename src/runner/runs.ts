import type { FromRunnerLine, HeldRun, RunInput, RunOutcome } from '../contracts/runner.ts'
import { sleep } from '../lib/backoff.ts'
import { messageOf } from '../lib/errors.ts'
import type { Log } from '../lib/log.ts'
import { LateSpool } from './late-spool.ts'
import { ProviderError } from './providers/provider.ts'
import type { ProviderResult } from './providers/provider.ts'
import { providerName } from './providers/registry.ts'
import type { Registry } from './providers/registry.ts'

/** Why a run's signal was aborted; it is the signal's reason. */
type Cut = 'abort' | 'timeout' | 'stop'

interface Run extends HeldRun {
  controller: AbortController
  done: Promise<void>
}

export interface RunsOptions {
  runnerId: string
  spoolDir: string
  registry: Registry
  log: Log
  /**
   * How long a provider may take to end what it has begun, after its signal was aborted. Longer than a program's
   * SIGKILL takes.
   */
  graceMs?: number
}

/** The longest delay of a timer; a longer one would fire at once. */
const maxTimerMs = 2_147_483_647

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
  readonly #spool: LateSpool

  constructor(options: RunsOptions) {
    this.#options = options
    this.#spool = new LateSpool(options.spoolDir, options.log)
  }

  /** Whether a generation hears what is told. */
  heard(heard: boolean): void {
    this.#spool.heard(heard)
  }

  /** Where progress and outcomes go to. */
  tellTo(tell: (line: FromRunnerLine) => void): void {
    this.#tell = tell
  }

  /** How many have no outcome yet. */
  get running(): number {
    let running = 0
    for (const { outcome } of this.#runs.values()) if (outcome === undefined) running += 1
    return running
  }

  held(): HeldRun[] {
    return [...this.#runs.values()].map(({ run_id, request_id, started_at, outcome }) => ({
      run_id,
      request_id,
      started_at,
      ...(outcome && { outcome }),
    }))
  }

  /** Starts a run; one that is held already stays as it is. @returns why it was refused, or `undefined` */
  start(input: RunInput): string | undefined {
    if (this.#runs.has(input.run_id)) return undefined
    if (this.#phase !== 'open') return this.#phase
    const { run_id, request_id } = input
    const run: Run = {
      run_id,
      request_id,
      started_at: Date.now(),
      controller: new AbortController(),
      done: Promise.resolve(),
    }
    this.#runs.set(run_id, run)
    run.done = this.#attempt(run, input).then((outcome) => this.#finish(run, outcome))
    return undefined
  }

  /** Aborts a run; its outcome follows. One that has ended, or is unknown, stays as it is. */
  abort(runId: string): void {
    this.#runs.get(runId)?.controller.abort('abort' satisfies Cut)
  }

  /** A generation has this run's outcome in the journal: forgets it. */
  committed(runId: string): void {
    const run = this.#runs.get(runId)
    if (!run?.outcome) {
      this.#options.log.debug({ runId }, 'committed a run that has no outcome here')
      return
    }
    this.#runs.delete(runId)
    this.#spool.drop(runId)
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
    this.#spool.heard(false)
    for (const run of this.#runs.values()) if (!run.outcome) run.controller.abort('stop' satisfies Cut)
    await Promise.all([...this.#runs.values()].map((run) => run.done))
    this.#spool.flush()
  }

  /** Runs the provider; never rejects. */
  async #attempt(run: Run, input: RunInput): Promise<RunOutcome> {
    const { signal } = run.controller
    const timer = setTimeout(
      () => run.controller.abort('timeout' satisfies Cut),
      Math.min(input.timeout_ms, maxTimerMs),
    )
    const took = (): { provider: string; started_at: number; duration_ms: number } => ({
      provider: providerName(input.model),
      started_at: run.started_at,
      duration_ms: Date.now() - run.started_at,
    })
    try {
      const { session_id, response } = await this.#orCut(this.#call(run, input), signal)
      return { status: 'completed', ...took(), ...(session_id !== undefined && { session_id }), response }
    } catch (error) {
      if (signal.reason === 'timeout') {
        const message =
          `The provider gave no result within ${input.timeout_ms} ms. ` +
          'Give the request a longer timeout_ms, or ask for less.'
        return { status: 'failed', ...took(), reason: 'timeout', message, retryable: true }
      }
      if (signal.aborted) return { status: 'aborted', ...took() }
      return { status: 'failed', ...took(), ...failureOf(error) }
    } finally {
      clearTimeout(timer)
    }
  }

  async #call(run: Run, input: RunInput): Promise<ProviderResult> {
    const { run_id, request_id } = run
    const { signal } = run.controller
    const provider = await this.#options.registry.find(input.model)
    signal.throwIfAborted()
    return provider.run(input, {
      signal,
      onProgress: (data) => {
        if (!run.outcome && !signal.aborted) this.#tell({ type: 'progress', run_id, request_id, data })
      },
    })
  }

  /**
   * The call's result. When the signal aborts, the provider is waited for, so that the conversation's next run cannot
   * begin beside what is left of this one; but not for ever.
   */
  #orCut(call: Promise<ProviderResult>, signal: AbortSignal): Promise<ProviderResult> {
    return new Promise((resolve, reject) => {
      const settled = new AbortController()
      const cut = async (): Promise<void> => {
        await sleep(this.#options.graceMs ?? 2_500, settled.signal)
        if (settled.signal.aborted) return
        this.#options.log.error('a provider did not end in time after it was aborted')
        reject(new Error('aborted'))
      }
      signal.addEventListener('abort', () => void cut(), { once: true, signal: settled.signal })
      call.then(resolve, reject).finally(() => settled.abort())
    })
  }

  #finish(run: Run, outcome: RunOutcome): void {
    const { runnerId, log } = this.#options
    const { run_id, request_id } = run
    if (this.#phase === 'stopping' && outcome.status !== 'completed' && run.controller.signal.reason === 'stop') {
      // Not an outcome of the request: nobody has cancelled it. It died with its runner.
      this.#runs.delete(run_id)
      return
    }
    run.outcome = outcome
    this.#spool.keep({ run_id, request_id, runner_id: runnerId, outcome })
    log.debug({ run_id, request_id, status: outcome.status, duration_ms: outcome.duration_ms }, 'run ended')
    this.#tell({ type: 'outcome', run_id, request_id, outcome })
  }
}

function failureOf(error: unknown): {
  reason: ProviderError['reason']
  message: string
  retryable: boolean
  limited?: true
  retry_after_ms?: number
} {
  if (!(error instanceof ProviderError))
    return { reason: 'provider_error', message: messageOf(error), retryable: false }
  const { reason, message, retryable, limited, retryAfterMs } = error
  const after = retryAfterMs === undefined ? {} : { retry_after_ms: retryAfterMs }
  return { reason, message, retryable, ...(limited && { limited }), ...after }
}
