import { randomUUID } from 'node:crypto'
import type { Duplex } from 'node:stream'
import type { BootFailure, FromGeneration, Phases, RunnerAddress } from '../contracts/control.ts'
import type { Settings } from '../contracts/settings.ts'
import type { BootCause, CheckpointReason, PreviousEnd } from '../contracts/words.ts'
import { toErrorReport } from '../lib/errors.ts'
import type { Log } from '../lib/log.ts'
import { describeEnd } from './child.ts'
import type { ChildEnd } from './child.ts'
import { CrashBackoff } from './crash-backoff.ts'
import type { GenerationProcess } from './generation-process.ts'
import { GenerationRecord } from './record.ts'
import type { SparePool } from './spare-pool.ts'

type Live = Extract<FromGeneration, { type: 'live' }>
type Crash = { killed: boolean; livedMs: number }

/** What led to a boot. */
export interface Change {
  cause: BootCause
  files: string[]
  /** epoch ms of the save, crash or start */
  at: number
  watchMs?: number
}

/** The front, as far as generations drive it. */
export interface Relaying {
  attach(stream: Duplex): void
  hold(): void
  detach(): void
}

export interface GenerationsOptions {
  settings: Settings
  log: Log
  front: Relaying
  spares: SparePool
  runners: () => RunnerAddress[]
  onLive: (live: Live, change: Change, phases: Phases) => void
}

export type SwapResult = { status: 'live'; generation: number; phases: Phases } | { status: 'failed'; failure: BootFailure }

/** How long, in ms, a generation may take to let go. */
const retireMs = 3_000

/** The generations: boots the new beside the old, hands over, falls back, restarts what crashed. */
export class Generations {
  readonly #o: GenerationsOptions
  readonly record = new GenerationRecord()
  #live: GenerationProcess | undefined
  /** The generation before, kept for a while: if the new one dies young, it takes the journal back. */
  #parked: GenerationProcess | undefined
  #probation: NodeJS.Timeout | undefined
  /** One on its way to standby: nothing is lost if it is killed. */
  #booting: GenerationProcess | undefined
  #pending: { change: Change; done: ((result: SwapResult) => void)[] } | undefined
  #working: Promise<void> | undefined
  #retry: NodeJS.Timeout | undefined
  readonly #backoff = new CrashBackoff()
  #untold: BootFailure[] = []
  #end: { previous_end: PreviousEnd; previous_detail?: string } = { previous_end: 'none' }

  constructor(options: GenerationsOptions) {
    this.#o = options
  }

  /** Boots for this change; changes that come while one is being worked on are folded into the next. */
  boot(change: Change): Promise<SwapResult> {
    return new Promise((resolve) => {
      if (this.#pending === undefined) this.#pending = { change, done: [resolve] }
      else {
        const { change: earlier, done } = this.#pending
        const files = [...new Set([...earlier.files, ...change.files])]
        this.#pending = { change: { ...change, files, at: Math.min(earlier.at, change.at) }, done: [...done, resolve] }
      }
      clearTimeout(this.#retry)
      this.record.nextTryAt = null
      this.#working ??= this.#work().finally(() => {
        this.#working = undefined
      })
    })
  }

  /** The runners have changed. */
  tellRunners(): void {
    this.#live?.send({ type: 'runners', runners: this.#o.runners() })
  }

  /** A failure that is not a generation's own: the live one writes it down and tells subscribers. */
  tellFailure(failure: BootFailure): void {
    this.record.lastFailure = failure
    if (this.#live === undefined) this.#untold.push(failure)
    else this.#live.send({ type: 'failure', failure })
  }

  /** Ends all generations; the live one takes a checkpoint first. */
  async stop(reason: CheckpointReason): Promise<void> {
    this.record.setPhase('stopping')
    clearTimeout(this.#retry)
    clearTimeout(this.#probation)
    this.#pending = undefined
    this.#booting?.child.kill()
    await this.#working
    const live = this.#live
    this.#live = undefined
    if (live !== undefined) {
      this.#o.front.hold()
      await this.#retire(live, reason, [])
      this.#o.front.detach()
    }
    await Promise.all([live, this.#parked, ...this.#o.spares.close()].map(async (process) => this.#dismiss(process)))
  }

  async #work(): Promise<void> {
    while (this.#pending !== undefined && this.record.phase !== 'stopping') {
      const { change, done } = this.#pending
      this.#pending = undefined
      const result = await this.#swap(change)
      for (const call of done) call(result)
    }
  }

  /** One change, from boot to live; on failure the old generation serves on or takes the journal back. */
  async #swap(change: Change): Promise<SwapResult> {
    const begun = Date.now()
    const phases: Phases = change.watchMs === undefined ? {} : { watch: change.watchMs }
    const bootId = randomUUID()
    if (this.#live !== undefined) this.record.setPhase('swapping')
    let next: GenerationProcess | undefined
    let phase: BootFailure['phase'] = 'import'
    try {
      next = this.#booting = await this.#o.spares.take(phases)
      next.send({ type: 'boot', boot_id: bootId, runners: this.#o.runners() })
      Object.assign(phases, (await next.expect('standby', this.#o.settings.KSI_BOOT_TIMEOUT_MS)).phases)
      this.#booting = undefined
      phase = 'activate'
      const live = await this.#handOver(next, bootId, change, phases)
      phases.total = round(Date.now() - change.at)
      this.#becameLive(next, live, change, phases)
      return { status: 'live', generation: live.generation, phases }
    } catch (error) {
      const killed = next?.child.alive === false && (await next.child.ended).killedFromOutside
      next?.child.kill()
      const failure: BootFailure = { boot_id: bootId, cause: change.cause, files: change.files, phase, error: toErrorReport(error), at: begun }
      await this.#fallBack(failure, killed)
      return { status: 'failed', failure }
    }
  }

  async #handOver(next: GenerationProcess, bootId: string, change: Change, phases: Phases): Promise<Live> {
    const old = this.#live
    const held = performance.now()
    if (old !== undefined) {
      this.#o.front.hold()
      this.#live = undefined
      this.#end = (await this.#retire(old, 'reload', change.files))
        ? { previous_end: 'handover' }
        : { previous_end: 'crash', previous_detail: 'it did not let go in time' }
      this.#o.front.detach()
      phases.retire = round(performance.now() - held)
      if (old.child.alive) this.#park(old)
    }
    next.send({
      type: 'activate',
      boot_id: bootId,
      cause: change.cause,
      files: change.files,
      at: change.at,
      ...this.#end,
      runners: this.#o.runners(),
      failures: this.#untold,
    })
    const live = await next.expect('live', this.#o.settings.KSI_BOOT_TIMEOUT_MS)
    this.#untold = []
    this.#o.front.attach(next.stream)
    Object.assign(phases, live.phases)
    if (old !== undefined) phases.hold = round(performance.now() - held)
    return live
  }

  /** @returns false when it had to be killed */
  async #retire(process: GenerationProcess, reason: CheckpointReason, files: string[]): Promise<boolean> {
    process.stopHeartbeat()
    process.send({ type: 'retire', reason, files })
    try {
      await process.expect('retired', retireMs)
      return true
    } catch (error) {
      this.#o.log.error({ err: error }, 'the old generation did not let go and was killed')
      process.child.kill()
      await process.child.ended
      return false
    }
  }

  #becameLive(process: GenerationProcess, live: Live, change: Change, phases: Phases): void {
    this.#adopt(process, live)
    this.record.mended(change.cause)
    if (change.cause !== 'crash') this.#backoff.reset()
    process.send({ type: 'phases', phases })
    clearTimeout(this.#probation)
    this.#probation = setTimeout(() => this.#unpark(), this.#o.settings.KSI_PROBATION_MS)
    this.#o.spares.refill()
    this.#o.onLive(live, change, phases)
  }

  #adopt(process: GenerationProcess, live: Live): void {
    this.#live = process
    this.record.live(live)
    void process.child.ended.then((end) => this.#onEnd(process, end))
    process.watchHeartbeat(this.#o.settings.KSI_HEARTBEAT_MS, () => {
      this.#o.log.error({ generation: live.generation }, `the live generation gave no sign of life for ${this.#o.settings.KSI_HEARTBEAT_MS} ms and is replaced`)
      process.child.kill()
    })
    // It may have ended, or a runner may have changed, between its last message and now.
    this.tellRunners()
  }

  /** A boot failed: the old generation serves on; if it had let go already, it takes the journal back. */
  async #fallBack(failure: BootFailure, killed: boolean): Promise<void> {
    const what = failure.files.length === 0 ? 'The new generation' : `The change of ${failure.files.join(', ')}`
    this.record.failed(failure, `${what} did not go live: ${failure.error.message}`)
    this.#o.log.error({ files: failure.files, phase: failure.phase, err: failure.error }, `the new code did not go live: ${failure.error.message}`)
    this.#o.spares.refill()
    if (this.#live !== undefined) {
      this.#live.send({ type: 'failure', failure })
      this.record.setPhase('live')
      return
    }
    if (!(await this.#takeBack(failure))) this.#restartLater({ killed, livedMs: 0 }, failure)
  }

  /** The parked generation goes live again. @returns false when there is none, or it fails too */
  async #takeBack(failure: BootFailure): Promise<boolean> {
    const parked = this.#parked
    this.#parked = undefined
    clearTimeout(this.#probation)
    if (parked === undefined || !parked.child.alive) return false
    try {
      const failures = [...this.#untold, failure]
      parked.send({
        type: 'activate',
        boot_id: randomUUID(),
        cause: 'rollback',
        files: failure.files,
        at: Date.now(),
        ...this.#end,
        runners: this.#o.runners(),
        failures,
      })
      const live = await parked.expect('live', this.#o.settings.KSI_BOOT_TIMEOUT_MS)
      this.#untold = []
      this.#o.front.attach(parked.stream)
      this.#adopt(parked, live)
      this.#o.log.warn({ generation: live.generation }, 'the generation before has taken the journal back and serves on')
      return true
    } catch (error) {
      this.#o.log.error({ err: error }, 'the generation before could not take the journal back')
      parked.child.kill()
      return false
    }
  }

  #onEnd(process: GenerationProcess, end: ChildEnd): void {
    if (process !== this.#live) return
    const how = `${describeEnd(end)}${end.stderr === '' ? '' : `: ${end.stderr.trim()}`}`
    const crash = { killed: end.killedFromOutside, livedMs: Date.now() - (this.record.liveSince ?? 0) }
    this.#live = undefined
    this.#o.front.detach()
    if (this.record.phase === 'stopping') return
    this.record.crashes += 1
    this.#end = { previous_end: 'crash', previous_detail: how.slice(0, 500) }
    this.#o.log.error({ generation: this.record.generation }, `the live generation died (${how})`)
    const error = { message: `generation ${this.record.generation ?? 0} died: ${how.slice(0, 2_000)}` }
    const failure: BootFailure = { boot_id: randomUUID(), cause: 'save', files: [], phase: 'probation', error, at: Date.now() }
    // Killed from outside says nothing of the new code.
    if (this.#parked?.child.alive === true && !crash.killed) {
      this.record.setPhase('swapping')
      this.record.failed(failure, `The new code died right after it went live (${how}); the generation before serves on.`)
      this.#working ??= this.#takeBackOrRestart(failure, crash).finally(() => {
        this.#working = undefined
        if (this.#pending !== undefined) this.#working = this.#work()
      })
      return
    }
    this.record.problem = error.message
    this.#restartLater(crash)
  }

  async #takeBackOrRestart(failure: BootFailure, crash: Crash): Promise<void> {
    if (!(await this.#takeBack(failure))) this.#restartLater(crash, failure)
  }

  #restartLater(crash: Crash, failure?: BootFailure): void {
    if (this.record.phase === 'stopping') return
    if (failure !== undefined && failure.phase !== 'probation') this.#untold = [...this.#untold.slice(-9), failure]
    this.record.setPhase('crashed')
    const waitMs = this.#backoff.next(crash)
    const at = Date.now()
    this.record.nextTryAt = at + waitMs
    clearTimeout(this.#retry)
    this.#retry = setTimeout(() => void this.boot({ cause: this.record.generation === null ? 'start' : 'crash', files: [], at }), waitMs)
  }

  #park(process: GenerationProcess): void {
    this.#unpark()
    this.#parked = process
  }

  #unpark(): void {
    const parked = this.#parked
    this.#parked = undefined
    void this.#dismiss(parked)
  }

  async #dismiss(process: GenerationProcess | undefined): Promise<void> {
    process?.send({ type: 'end' })
    await process?.child.endWithin(1_000)
  }
}

function round(ms: number): number {
  return Math.round(ms * 10) / 10
}
