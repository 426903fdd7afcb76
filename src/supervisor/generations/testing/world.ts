import type { ChildEnd } from '../../../lib/child-end.ts'
import { filesNotLive } from '../blame.ts'
import type { Effect, GenerationEvent, Timer } from '../events.ts'
import { step } from '../lifecycle.ts'
import { initialState } from '../state.ts'
import { rollbackTarget } from '../questions.ts'
import type { State } from '../state.ts'
import { limits } from './limits.ts'
import { SimProcess } from './sim-process.ts'
import type { Code, Kind, Surroundings } from './sim-process.ts'

/** Work that is due at a time of the simulated clock. */
interface Due {
  at: number
  run: () => void
}

/** Looks at the world after a step. */
export type OnStep = (world: World, event: GenerationEvent, effects: readonly Effect[]) => void

/** More steps than this without the clock moving is a loop. */
const maxStepsAtOnce = 5_000

/**
 * A world without processes and without a clock: what the life cycle asks for is queued as messages, and a seeded
 * choice
 * says which is delivered next. Every step is checked by `onStep`.
 */
export class World implements Surroundings {
  readonly processes = new Map<number, SimProcess>()
  readonly effects: Effect[] = []
  now = 0
  state: State
  disk: Code = { version: 0, kind: 'good' }
  diskIsFull = false
  /** The system has no process or file descriptor left. */
  cannotFork = false
  /** What each deadline's keeper measures. */
  stoodStillMs = 0
  /** Saves the supervisor has been told of. */
  readonly told: Code[] = []
  /** The newest save the code that was live last was booted for: it may have read newer ones. */
  lastLive = -1
  /** Whom the front relays to. */
  attached: number | null = null
  readonly #toMachine = new Map<number, GenerationEvent[]>()
  readonly #timers = new Map<Timer, Due & { name: Timer; begun: number; id: number | undefined }>()
  readonly #agenda: Due[] = []
  readonly #random: () => number
  readonly #onStep: OnStep
  #stepsAtOnce = 0

  /** @param random 0 ≤ x < 1, seeded */
  constructor(random: () => number, onStep: OnStep = () => {}) {
    this.#random = random
    this.#onStep = onStep
    this.state = initialState(limits, 'run', 0)
    this.tell(0, { type: 'changed', change: { cause: 'start', files: [], at: 0 }, waiter: 1 })
  }

  /** New code is on the disk at once; the supervisor hears of it later. */
  save(kind: Kind): void {
    this.disk = { version: this.disk.version + 1, kind }
    this.tell(0, { type: 'changed', change: { cause: 'save', files: [fileOf(this.disk)], at: this.now } })
  }

  /** An event on its way; those of one sender stay in order. */
  tell(from: number, event: GenerationEvent): void {
    this.#toMachine.set(from, [...(this.#toMachine.get(from) ?? []), event])
  }

  later(ms: number, run: () => void): void {
    this.#agenda.push({ at: this.now + ms, run })
  }

  ended(process: SimProcess, end: Partial<ChildEnd>): void {
    this.tell(process.id, {
      type: 'ended',
      id: process.id,
      end: { code: null, signal: null, stderr: '', killedFromOutside: false, debugged: process.isDebugged, ...end },
    })
  }

  /** Delivers one message, chosen by chance. @returns false when there is none */
  deliver(): boolean {
    const choices: (() => void)[] = []
    for (const [from, events] of this.#toMachine)
      if (events.length > 0) choices.push(() => this.#feed(this.#take(from)))
    for (const process of this.processes.values()) if (process.hasMail) choices.push(() => process.read())
    const choice = choices[Math.floor(this.#random() * choices.length)]
    if (choice === undefined) return false
    if (++this.#stepsAtOnce > maxStepsAtOnce) throw new Error('messages go on for ever without time passing')
    choice()
    return true
  }

  /** Delivers all there is. */
  settle(): void {
    while (this.deliver());
  }

  /** Lets time pass; what is due meanwhile happens, and all that comes of it. */
  wait(ms: number): void {
    const until = this.now + ms
    for (;;) {
      this.settle()
      const next = this.#nextDue(until)
      if (next === undefined) break
      this.#stepsAtOnce = 0
      this.now = Math.max(this.now, next.at)
      next.run()
    }
    this.now = until
  }

  /** A person goes back to the code that was live before; where there is none, nothing happens. */
  rollBack(): void {
    let tree: string
    try {
      tree = rollbackTarget(this.state, String(this.told.at(-1)?.version ?? 0))
    } catch {
      return
    }
    const files = this.told.filter(({ version }) => version > Number(tree)).map(fileOf)
    this.#feed({ type: 'changed', change: { cause: 'rollback', files, at: this.now, tree } })
  }

  /** What stood on the disk when this was the newest save. */
  #codeOf(tree: string | undefined): Code | undefined {
    if (tree === undefined) return undefined
    return this.told.find(({ version }) => String(version) === tree) ?? { version: 0, kind: 'good' }
  }

  /** Files of saves the supervisor knows of that are newer than what was live last. */
  get reallyNotLive(): string[] {
    return this.told.filter(({ version }) => version > this.lastLive).map(fileOf)
  }

  get live(): SimProcess | undefined {
    return [...this.processes.values()].find(({ isLive }) => isLive)
  }

  get notLive(): string[] {
    return filesNotLive(this.state)
  }

  #take(from: number): GenerationEvent {
    const [event, ...rest] = this.#toMachine.get(from) ?? []
    this.#toMachine.set(from, rest)
    if (event === undefined) throw new Error('no event')
    return event
  }

  #nextDue(until: number): Due | undefined {
    let next: Due | undefined
    for (const due of [...this.#timers.values(), ...this.#agenda])
      if (due.at <= until && (next === undefined || due.at < next.at)) next = due
    if (next === undefined) return undefined
    const at = this.#agenda.indexOf(next)
    if (at !== -1) this.#agenda.splice(at, 1)
    return next
  }

  #feed(event: GenerationEvent): void {
    if (event.type === 'changed' && event.change.cause !== 'rollback')
      for (const file of event.change.files) this.told.push({ ...this.disk, version: Number(file.slice(1)) })
    if (event.type === 'live') this.lastLive = this.processes.get(event.id)?.bootedFor ?? this.lastLive
    const { state, effects } = step(this.state, event, {
      ms: this.now,
      at: this.now,
      stamp: 's',
      tree: String(this.told.at(-1)?.version ?? 0),
    })
    this.state = state
    this.effects.push(...effects)
    for (const effect of effects) this.#carryOut(effect)
    this.#onStep(this, event, effects)
  }

  #carryOut(effect: Effect): void {
    switch (effect.type) {
      case 'fork':
        this.processes.set(effect.id, new SimProcess(effect.id, this, this.#codeOf(effect.tree)))
        if (this.cannotFork) this.processes.get(effect.id)?.die({})
        return
      case 'send':
        return this.processes.get(effect.id)?.post(effect.message, this.told.at(-1)?.version ?? 0)
      case 'kill':
        return this.processes.get(effect.id)?.die({ signal: 'SIGKILL' })
      case 'watch':
      case 'unwatch': {
        const process = this.processes.get(effect.id)
        if (process !== undefined) process.isWatched = effect.type === 'watch'
        return
      }
      case 'attach':
        this.attached = effect.id
        return
      case 'detach':
        this.attached = null
        return
      case 'startTimer':
        return this.#startTimer(effect.name, effect.ms, effect.id)
      case 'stopTimer':
        this.#timers.delete(effect.name)
        return
      case 'hold':
      case 'answer':
      case 'becameLive':
      case 'log':
      case 'stopped':
    }
  }

  #startTimer(name: Timer, ms: number, id: number | undefined): void {
    const run = (): void => {
      this.#timers.delete(name)
      const process = id === undefined ? undefined : this.processes.get(id)
      // As the driver does it.
      if (process?.isAlive === true && process.isDebugged) return this.#startTimer(name, ms, id)
      const measured = {
        stoodStillMs: this.stoodStillMs,
        ...(process !== undefined && { cpuMs: process.isStopped ? 0 : 100, unanswered: process.isSilent ? 3 : 0 }),
      }
      this.tell(-1, { type: 'timer', name, measured })
    }
    this.#timers.set(name, { name, at: this.now + ms, begun: this.now, id, run })
  }
}

export function fileOf({ version }: Code): string {
  return `f${version}`
}
