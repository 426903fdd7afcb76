import { randomUUID } from 'node:crypto'
import type { BootFailure, Phases, RunnerAddress, SupervisorStatus } from '../../contracts/control.ts'
import type { Settings } from '../../contracts/settings.ts'
import type { CheckpointReason } from '../../contracts/words.ts'
import { toErrorReport } from '../../lib/errors.ts'
import type { Log } from '../../lib/log.ts'
import type { ChildEnd } from '../children/child.ts'
import { CrashBackoff } from '../children/crash-backoff.ts'
import { GenerationError } from './generation-process.ts'
import type { GenerationProcess } from './generation-process.ts'
import { GenerationRecord } from './record.ts'
import type { SparePool } from './spare-pool.ts'
import { Succession } from './succession.ts'
import type { Change, Live, Relaying } from './succession.ts'

export interface GenerationsOptions {
  settings: Settings
  log: Log
  front: Relaying
  spares: SparePool
  runners: () => RunnerAddress[]
  onLive: (live: Live, change: Change, phases: Phases) => void
}

/** A boot that takes longer than this, in ms, is given up for a newer change. */
const hangingMs = 1_000

export type SwapResult =
  | { status: 'live'; generation: number; phases: Phases }
  | { status: 'failed'; failure: BootFailure }

/** The generations: boots the new beside the old, falls back when that fails, restarts what crashed. */
export class Generations {
  readonly record = new GenerationRecord()
  readonly #o: GenerationsOptions
  readonly #succession: Succession
  readonly #backoff = new CrashBackoff()
  /** Swaps and fall-backs, one after the other. */
  #turns: Promise<unknown> = Promise.resolve()
  #pending: { change: Change; done: ((result: SwapResult) => void)[] } | undefined
  /** One on its way to standby: nothing is lost if it is killed. */
  #booting: { process: GenerationProcess; since: number; superseded: boolean } | undefined
  /**
   * Files that were saved since the code that is live: one of them may be to blame for any failure until all are live.
   */
  readonly #notLive = new Set<string>()
  #retry: NodeJS.Timeout | undefined
  /** Those of the change that is live. */
  #files: string[] = []

  constructor(options: GenerationsOptions) {
    this.#o = options
    this.#succession = new Succession({ ...options, onDeath: (end, how) => this.#onDeath(end, how) })
  }

  /** Boots for this change; changes that come while one is being worked on are folded into the next. */
  boot(change: Change): Promise<SwapResult> {
    clearTimeout(this.#retry)
    this.record.nextTryAt = null
    return new Promise((resolve) => {
      if (this.#pending === undefined) {
        this.#pending = { change, done: [resolve] }
        this.#inTurn(() => this.#workPending())
      } else {
        const { change: earlier, done } = this.#pending
        const files = [...new Set([...earlier.files, ...change.files])]
        this.#pending = { change: { ...change, files, at: Math.min(earlier.at, change.at) }, done: [...done, resolve] }
      }
      this.#supersede()
    })
  }

  /** A boot that hangs is not waited for once there is newer code: most likely it is the repair. */
  #supersede(): void {
    if (this.#booting === undefined || performance.now() - this.#booting.since < hangingMs) return
    this.#booting.superseded = true
    this.#booting.process.child.kill()
  }

  /** What is wrong with the live generation although it serves. */
  get trouble(): SupervisorStatus['trouble'] {
    return this.#succession.trouble
  }

  /** The runners have changed. */
  tellRunners(): void {
    this.#succession.tellRunners()
  }

  /** A failure that is not a generation's own. */
  tellFailure(failure: BootFailure): void {
    this.record.lastFailure = failure
    this.#succession.tellFailure(failure)
  }

  /** Ends all generations; the live one takes a checkpoint first. */
  async stop(reason: CheckpointReason): Promise<void> {
    this.record.setPhase('stopping')
    clearTimeout(this.#retry)
    this.#pending = undefined
    this.#booting?.process.child.kill()
    await this.#turns
    await this.#succession.letGo(reason, [])
    await this.#succession.dismissAll(this.#o.spares.close())
  }

  #inTurn(task: () => Promise<void>): void {
    this.#turns = this.#turns
      .then(task)
      .catch((error: unknown) => this.#o.log.error({ err: error }, 'the supervisor made a mistake'))
  }

  async #workPending(): Promise<void> {
    const pending = this.#pending
    this.#pending = undefined
    if (pending === undefined || this.record.phase === 'stopping') return
    for (const file of pending.change.files) this.#notLive.add(file)
    const result = await this.#swap({ ...pending.change, files: [...this.#notLive] })
    if (result === undefined) this.#handOn(pending.done)
    else for (const call of pending.done) call(result)
  }

  /** Who waited for a boot that was given up waits for the next one. */
  #handOn(done: ((result: SwapResult) => void)[]): void {
    this.#pending?.done.push(...done)
  }

  /**
   * One change, from boot to live; on failure the old generation serves on or takes the journal back.
   * @returns undefined when the boot was given up for a newer change, which is the next
   */
  async #swap(change: Change): Promise<SwapResult | undefined> {
    const begun = Date.now()
    const phases: Phases = change.watchMs === undefined ? {} : { watch: change.watchMs }
    const bootId = randomUUID()
    if (this.#succession.hasLive) this.record.setPhase('swapping')
    let next: GenerationProcess | undefined
    let phase: BootFailure['phase'] = 'import'
    try {
      next = await this.#o.spares.take(phases)
      this.#booting = { process: next, since: performance.now(), superseded: false }
      next.send({ type: 'boot', boot_id: bootId, runners: this.#o.runners() })
      Object.assign(phases, (await next.expect('standby', this.#o.settings.KSI_BOOT_TIMEOUT_MS)).phases)
      this.#booting = undefined
      phase = 'activate'
      const live = await this.#succession.handOver(next, bootId, change, phases)
      phases.total = Date.now() - change.at
      this.#becameLive(live, change, phases)
      return { status: 'live', generation: live.generation, phases }
    } catch (error) {
      const superseded = this.#booting?.superseded === true
      this.#booting = undefined
      if (superseded) return undefined
      const killed = error instanceof GenerationError && error.killed
      next?.child.kill()
      const failure: BootFailure = {
        boot_id: bootId,
        cause: change.cause,
        files: change.files,
        phase,
        error: toErrorReport(error),
        at: begun,
      }
      await this.#fallBack(failure, killed)
      return { status: 'failed', failure }
    }
  }

  #becameLive(live: Live, change: Change, phases: Phases): void {
    clearTimeout(this.#retry)
    this.record.live(live)
    this.record.mended(change.cause)
    this.#notLive.clear()
    if (change.cause !== 'crash') {
      this.#files = change.files
      this.#backoff.reset()
    }
    this.#succession.tellPhases(phases)
    this.#o.spares.refill()
    this.#o.onLive(live, change, phases)
  }

  /** A boot failed: the old generation serves on; if it had let go already, it takes the journal back. */
  async #fallBack(failure: BootFailure, killed: boolean): Promise<void> {
    const what = failure.files.length === 0 ? 'The new generation' : `The change of ${failure.files.join(', ')}`
    this.record.failed(failure, `${what} did not go live: ${failure.error.message}`)
    this.#o.log.error(
      { files: failure.files, phase: failure.phase, err: failure.error },
      `the new code did not go live: ${failure.error.message}`,
    )
    this.#o.spares.refill()
    if (this.#succession.hasLive) {
      this.#succession.tellFailure(failure)
      this.record.setPhase('live')
    } else if (!(await this.#takeBack(failure))) {
      this.#succession.tellFailure(failure)
      this.#restartLater({ killed, livedMs: 0 })
    }
  }

  async #takeBack(failure: BootFailure): Promise<boolean> {
    const live = await this.#succession.takeBack(failure)
    if (live === undefined) return false
    this.record.live(live)
    this.#o.log.warn({ generation: live.generation }, 'the generation before has taken the journal back and serves on')
    return true
  }

  #onDeath(end: ChildEnd, how: string): void {
    if (this.record.phase === 'stopping') return
    const message = `generation ${this.record.generation ?? 0} died: ${how.slice(0, 2_000)}`
    this.#o.log.error({ generation: this.record.generation }, message)
    this.record.crashes += 1
    const crash = { killed: end.killedFromOutside, livedMs: Date.now() - (this.record.liveSince ?? 0) }
    // Killed from outside says nothing of the new code; dying by itself right after going live does.
    if (!this.#succession.hasParked || crash.killed) {
      this.record.problem = message
      this.#restartLater(crash)
      return
    }
    this.record.setPhase('swapping')
    for (const file of this.#files) this.#notLive.add(file)
    const failure: BootFailure = {
      boot_id: randomUUID(),
      cause: 'save',
      files: this.#files,
      phase: 'probation',
      error: { message },
      at: Date.now(),
    }
    const what = this.#files.length === 0 ? 'The new code' : `The change of ${this.#files.join(', ')}`
    this.record.failed(failure, `${what} died right after it went live (${how}); the generation before serves on.`)
    this.#inTurn(async () => {
      // A save may have brought new code to life in the meantime.
      if (!this.#succession.hasLive && !(await this.#takeBack(failure))) this.#restartLater(crash)
    })
  }

  async #restart(at: number): Promise<void> {
    // Queued behind a swap that may have brought somebody to life, or with a save waiting that will.
    if (this.#succession.hasLive || this.#pending !== undefined || this.record.phase === 'stopping') return
    await this.#swap({ cause: this.record.generation === null ? 'start' : 'crash', files: [], at })
  }

  #restartLater(crash: { killed: boolean; livedMs: number }): void {
    if (this.record.phase === 'stopping') return
    this.record.setPhase('crashed')
    const waitMs = this.#backoff.next(crash)
    const at = Date.now()
    this.record.nextTryAt = at + waitMs
    clearTimeout(this.#retry)
    this.#retry = setTimeout(() => this.#inTurn(() => this.#restart(at)), waitMs)
  }
}
