import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import type { BootFailure, Phases, SupervisorStatus } from '../../contracts/control.ts'
import type { Settings } from '../../contracts/settings.ts'
import type { CheckpointReason } from '../../contracts/words.ts'
import { Child, diskPatience } from '../../lib/child.ts'
import type { ChildEnd } from '../../lib/child-end.ts'
import { messageOf } from '../../lib/errors.ts'
import type { Log } from '../../lib/log.ts'
import type { DetachCause } from '../front/retrial.ts'
import type { Effect, GenerationEvent, Now, SwapResult } from './events.ts'
import { step } from './lifecycle.ts'
import { withSlowDisk } from './slow-disk.ts'
import { stampOf } from './spare-stamp.ts'
import { handleOf, holders, live, retiring, rollbackTarget, spare } from './questions.ts'
import { initialState } from './state.ts'
import type { Change, Handle, Live, State, View } from './state.ts'
import { Timers } from './timers.ts'
import { toEvent } from './to-event.ts'
import { withFrame } from './with-frame.ts'

/** The front, as far as generations drive it. */
interface Relaying {
  attach(stream: Duplex): void
  hold(): void
  detach(cause: DetachCause): void
}

interface GenerationsOptions {
  settings: Settings
  log: Log
  env: NodeJS.ProcessEnv
  onLine: (line: string) => void
  front: Relaying
  onLive: (live: Live, change: Change, phases: Phases) => void
  /** What the source was: nothing where none is kept. */
  trees: () => KeptTrees | undefined
}

/** The sources that can be gone back to. */
interface KeptTrees {
  readonly newest: string
  changedSince(tree: string): string[]
  lay(tree: string): Promise<string>
}

/**
 * A boot makes a lot of garbage in a moment: with room for it, none of that moment goes into collecting it. Later it
 * has no more room than that, and what is old is collected once it has doubled, not when it is four times as much.
 */
const roomy = ['--min-semi-space-size=16', '--max-semi-space-size=16', '--heap-growing-percent=100', '--expose-gc']
/** The new code stays on probation longer than the heartbeat takes to see it hang, by so many ms. */
const beyondHeartbeatMs = 1_000
const neverStarted: ChildEnd = { code: 0, signal: null, stderr: '', killedFromOutside: false, debugged: false }

/**
 * The generations: carries out, with real processes, timers and the front, what the pure life cycle says, and tells it
 * what happens, one event after the other.
 */
export class Generations {
  readonly #o: GenerationsOptions
  readonly #children = new Map<number, Child>()
  readonly #timers: Timers
  readonly #waiters = new Map<number, (result: SwapResult) => void>()
  readonly #stopped = Promise.withResolvers<void>()
  readonly #queue: GenerationEvent[] = []
  #state: State
  #working = false
  #lastWaiter = 0

  constructor(options: GenerationsOptions) {
    const { KSI_BOOT_TIMEOUT_MS: bootMs, KSI_HEARTBEAT_MS: heartbeatMs, KSI_PROBATION_MS, KSI_SPARE } = options.settings
    const probationMs = Math.max(KSI_PROBATION_MS, heartbeatMs + beyondHeartbeatMs)
    this.#o = options
    this.#timers = new Timers({
      log: options.log,
      child: (id) => this.#children.get(id),
      isSyncing: (id) => handleOf(this.#state, id)?.syncing === true,
      patienceMs: heartbeatMs * diskPatience,
      onDue: (name, measured) => this.#feed({ type: 'timer', name, measured }),
    })
    this.#state = initialState({ bootMs, heartbeatMs, probationMs, spare: KSI_SPARE }, randomUUID(), Date.now())
  }

  /** What is shown of them. */
  get view(): View {
    return this.#state.view
  }

  /** What is wrong with the live generation although it serves. */
  get trouble(): SupervisorStatus['trouble'] {
    return live(this.#state)?.trouble ?? null
  }

  /** Whether a debugger is attached to the one that has the journal. */
  get debugged(): boolean {
    return holders(this.#state).some(({ id }) => this.#children.get(id)?.debugged === true)
  }

  /** The port of this machine at which the inspector of the one that serves listens; undefined when none does. */
  readonly inspectorPort = async (): Promise<number | undefined> =>
    this.#children.get((live(this.#state) ?? retiring(this.#state))?.id ?? 0)?.inspectorPort()

  /** Which quotas of the live one fill up, and what goes wrong in it, by its own word; or what it cannot say itself. */
  get condition(): Pick<Handle, 'filling' | 'troubles'> {
    const { filling, troubles } = live(this.#state) ?? { filling: [], troubles: [] }
    const waits = (id: number): boolean => this.#timers.waitsForDisk(id)
    return { filling, troubles: withSlowDisk(troubles, this.#state, { waits, path: this.#o.settings.paths.journal }) }
  }

  /** Whether a spare waits for a save. */
  get hasSpare(): boolean {
    return spare(this.#state) !== undefined
  }

  /** Boots for this change; resolves to what comes of it. Changes that come during another one are folded together. */
  boot(change: Change): Promise<SwapResult> {
    return new Promise((resolve) => {
      const waiter = ++this.#lastWaiter
      this.#waiters.set(waiter, resolve)
      this.#feed({ type: 'changed', change, waiter })
    })
  }

  /**
   * Boots the code that was live before; resolves to what comes of it.
   * @throws KsiError KSI_NOT_FOUND when there is none, KSI_RESTARTING while it is not clear yet what is live
   */
  rollBack(): Promise<SwapResult> {
    const tree = rollbackTarget(this.#state, this.#o.trees()?.newest)
    const files = this.#o.trees()?.changedSince(tree) ?? []
    return this.boot({ cause: 'rollback', files, at: Date.now(), tree })
  }

  /** Writes down and tells a failure that is not a generation's own. */
  tellFailure(failure: BootFailure): void {
    this.#feed({ type: 'failure', failure })
  }

  /** Ends all generations; the live one takes a checkpoint first. */
  stop(reason: CheckpointReason): Promise<void> {
    this.#feed({ type: 'stop', reason })
    return this.#stopped.promise
  }

  #feed(event: GenerationEvent): void {
    this.#queue.push(event)
    if (this.#working) return
    this.#working = true
    for (let first = this.#queue.shift(); first !== undefined; first = this.#queue.shift()) {
      const { state, effects } = step(this.#state, first, this.#now())
      this.#state = state
      for (const effect of effects) this.#carryOut(effect)
    }
    this.#working = false
  }

  #now(): Now {
    return {
      ms: performance.now(),
      at: Date.now(),
      stamp: stampOf(this.#o.settings.paths),
      tree: this.#o.trees()?.newest ?? '',
    }
  }

  #carryOut(effect: Effect): void {
    const { front, log, onLive, settings } = this.#o
    switch (effect.type) {
      case 'fork':
        return this.#fork(effect)
      case 'send':
        return this.#children.get(effect.id)?.send(effect.message)
      case 'kill':
        return this.#children.get(effect.id)?.kill()
      case 'watch': {
        const silent = (): void => this.#feed({ type: 'silent', id: effect.id })
        return this.#children.get(effect.id)?.watchHeartbeat(settings.KSI_HEARTBEAT_MS, silent)
      }
      case 'unwatch':
        return this.#children.get(effect.id)?.stopHeartbeat()
      case 'hold':
        return front.hold()
      case 'attach': {
        const stream = this.#children.get(effect.id)?.stream
        return stream === undefined ? undefined : front.attach(stream)
      }
      case 'detach':
        return front.detach(effect.cause)
      case 'startTimer':
        return this.#timers.start(effect.name, effect.ms, effect.id)
      case 'stopTimer':
        return this.#timers.stop(effect.name)
      case 'answer':
        return this.#answer(effect.waiters, effect.result)
      case 'becameLive':
        return onLive(effect.live, effect.change, effect.phases)
      case 'log':
        return log[effect.level](effect.fields, withFrame(effect, settings.paths.root))
      case 'stopped':
        return this.#stopped.resolve()
    }
  }

  #fork({ id, preload, tree }: Extract<Effect, { type: 'fork' }>): void {
    if (tree === undefined) return this.#start(id, this.#o.settings.paths.src, preload)
    const gone = (error: unknown): void => {
      this.#feed({ type: 'ended', id, end: { ...neverStarted, code: 1, stderr: `Error: ${messageOf(error)}` } })
    }
    this.#o
      .trees()
      ?.lay(tree)
      .then((src) => this.#start(id, src, false), gone)
  }

  #start(id: number, src: string, preload: boolean): void {
    const { onLine } = this.#o
    // It may not be wanted any more: laying out a kept source takes a while.
    if (handleOf(this.#state, id)?.phase === 'retired') {
      return this.#feed({ type: 'ended', id, end: neverStarted })
    }
    const env = preload ? { ...this.#o.env, KSI_PRELOAD: '1' } : this.#o.env
    const child = new Child(join(src, 'daemon/main.ts'), {
      env,
      onLine,
      execArgv: roomy,
      extraPipe: true,
      onMessage: (message) => this.#feed(toEvent(id, message)),
    })
    this.#children.set(id, child)
    void child.ended.then((end) => {
      this.#feed({ type: 'ended', id, end })
      this.#children.delete(id)
    })
  }

  #answer(waiters: readonly number[], result: SwapResult): void {
    for (const waiter of waiters) {
      this.#waiters.get(waiter)?.(result)
      this.#waiters.delete(waiter)
    }
  }
}
