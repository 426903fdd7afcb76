import { randomUUID } from 'node:crypto'
import type { Duplex } from 'node:stream'
import type { BootFailure, FromGeneration, Phases, RunnerAddress, SupervisorStatus } from '../../contracts/control.ts'
import type { Settings } from '../../contracts/settings.ts'
import type { BootCause, CheckpointReason, PreviousEnd } from '../../contracts/words.ts'
import { roundMs } from '../../lib/duration.ts'
import type { Log } from '../../lib/log.ts'
import { describeEnd } from '../children/child.ts'
import type { ChildEnd } from '../children/child.ts'
import type { DetachCause } from '../front/relay.ts'
import { GenerationError } from './generation-process.ts'
import type { GenerationProcess } from './generation-process.ts'

export type Live = Extract<FromGeneration, { type: 'live' }>

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
  detach(cause?: DetachCause): void
}

export interface SuccessionOptions {
  settings: Settings
  log: Log
  front: Relaying
  runners: () => RunnerAddress[]
  /** The live generation has ended by itself, or was killed. */
  onDeath: (end: ChildEnd, how: string) => void
}

/** How long, in ms, a generation may take to let go. */
const retireMs = 3_000

/** Who is live, who comes after, and who stands by to take the journal back. One call at a time. */
export class Succession {
  readonly #o: SuccessionOptions
  #live: GenerationProcess | undefined
  /** The generation before, kept for a while: if the new one dies young, it takes the journal back. */
  #parked: GenerationProcess | undefined
  #probation: NodeJS.Timeout | undefined
  /** Failures of a time when nobody was live; the next one live writes them down. */
  #untold: BootFailure[] = []
  #end: { previous_end: PreviousEnd; previous_detail?: string } = { previous_end: 'none' }

  constructor(options: SuccessionOptions) {
    this.#o = options
  }

  get hasLive(): boolean {
    return this.#live !== undefined
  }

  /** What is wrong with the live generation although it serves. */
  get trouble(): SupervisorStatus['trouble'] {
    return this.#live?.trouble ?? null
  }

  get hasParked(): boolean {
    return this.#parked?.child.alive === true
  }

  /**
   * Hands over from the live generation, if there is one, to `next`, which is standby. @throws GenerationError; then
   * nobody is live
   */
  async handOver(next: GenerationProcess, bootId: string, change: Change, phases: Phases): Promise<Live> {
    const old = this.#live
    const held = performance.now()
    if (old !== undefined) {
      await this.letGo('reload', change.files)
      phases.retire = roundMs(performance.now() - held)
      this.#unpark()
      if (old.child.alive) this.#parked = old
    }
    const live = await this.#activate(next, {
      boot_id: bootId,
      cause: change.cause,
      files: change.files,
      at: change.at,
    })
    Object.assign(phases, live.phases)
    if (old !== undefined) phases.hold = roundMs(performance.now() - held)
    clearTimeout(this.#probation)
    this.#probation = setTimeout(() => this.#unpark(), this.#o.settings.KSI_PROBATION_MS)
    return live
  }

  /** The parked generation goes live again. @returns undefined when there is none, or it fails too */
  async takeBack(failure: BootFailure): Promise<Live | undefined> {
    const parked = this.#parked
    this.#parked = undefined
    clearTimeout(this.#probation)
    if (parked === undefined || !parked.child.alive) return undefined
    try {
      this.#untold.push(failure)
      return await this.#activate(parked, {
        boot_id: randomUUID(),
        cause: 'rollback',
        files: failure.files,
        at: Date.now(),
      })
    } catch (error) {
      this.#untold.pop()
      this.#o.log.error({ err: error }, 'the generation before could not take the journal back')
      parked.child.kill()
      return undefined
    }
  }

  /**
   * The live generation takes a checkpoint and lets go; lines are held from now on. @throws GenerationError when it
   * cannot, at a reload: then it serves on
   */
  async letGo(reason: CheckpointReason, files: string[]): Promise<void> {
    const old = this.#live
    if (old === undefined) return
    this.#o.front.hold()
    this.#live = undefined
    old.stopHeartbeat()
    old.send({ type: 'retire', reason, files })
    try {
      await old.expect('retired', retireMs)
      this.#end = { previous_end: 'handover' }
    } catch (error) {
      if (reason === 'reload' && error instanceof GenerationError && error.said) return this.#keep(old, error)
      this.#o.log.error({ err: error }, 'the old generation did not let go and was killed')
      old.child.kill()
      await old.child.ended
      this.#end = { previous_end: 'crash', previous_detail: 'it did not let go' }
    }
    this.#o.front.detach(old.child.alive ? 'handover' : 'death')
    if (reason !== 'reload') this.#parked = old
  }

  /** Ends whoever is left. */
  async dismissAll(others: GenerationProcess[]): Promise<void> {
    clearTimeout(this.#probation)
    await Promise.all([this.#live, this.#parked, ...others].map((process) => dismiss(process)))
  }

  /** Tells the live generation which runners there are. */
  tellRunners(): void {
    this.#live?.send({ type: 'runners', runners: this.#o.runners() })
  }

  /**
   * Tells the live generation of a failure, to be written down and told to subscribers; or keeps it for the next one.
   */
  tellFailure(failure: BootFailure): void {
    if (this.#live !== undefined) this.#live.send({ type: 'failure', failure })
    else this.#untold = [...this.#untold.slice(-9), failure]
  }

  /** Tells the live generation how long each part of its boot took. */
  tellPhases(phases: Phases): void {
    this.#live?.send({ type: 'phases', phases })
  }

  #keep(old: GenerationProcess, error: GenerationError): never {
    this.#live = old
    this.#watchHeartbeat(old)
    this.#o.front.attach(old.stream)
    throw error
  }

  async #activate(
    process: GenerationProcess,
    boot: { boot_id: string; cause: BootCause; files: string[]; at: number },
  ): Promise<Live> {
    const { front, runners, settings } = this.#o
    process.send({ type: 'activate', ...boot, ...this.#end, runners: runners(), failures: this.#untold })
    const live = await process.expect('live', settings.KSI_BOOT_TIMEOUT_MS)
    this.#untold = []
    this.#live = process
    front.attach(process.stream)
    void process.child.ended.then((end) => this.#onEnd(process, end))
    this.#watchHeartbeat(process)
    // A runner may have come or gone since it was told.
    this.tellRunners()
    return live
  }

  #watchHeartbeat(process: GenerationProcess): void {
    const { log, settings } = this.#o
    process.watchHeartbeat(settings.KSI_HEARTBEAT_MS, () => {
      log.error(
        { pid: process.child.process.pid },
        `the live generation gave no sign of life for ${settings.KSI_HEARTBEAT_MS} ms and is replaced`,
      )
      process.child.kill()
    })
  }

  #onEnd(process: GenerationProcess, end: ChildEnd): void {
    if (process !== this.#live) return
    const how = `${describeEnd(end)}${end.stderr === '' ? '' : `: ${end.stderr.trim()}`}`
    this.#live = undefined
    this.#end = { previous_end: 'crash', previous_detail: how.slice(0, 500) }
    // Dying by itself right after going live says something of the new code, and nothing of what it was given.
    this.#o.front.detach(this.hasParked && !end.killedFromOutside ? 'probation' : 'death')
    this.#o.onDeath(end, how)
  }

  #unpark(): void {
    // The time of the one before must not end that of the next.
    clearTimeout(this.#probation)
    const parked = this.#parked
    this.#parked = undefined
    void dismiss(parked)
  }
}

async function dismiss(process: GenerationProcess | undefined): Promise<void> {
  process?.send({ type: 'end' })
  await process?.child.endWithin(1_000)
}
