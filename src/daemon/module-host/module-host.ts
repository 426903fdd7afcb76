import { messageOf } from '../../lib/errors.ts'
import type { ModuleFailure, ModuleState } from '../../store/module-states.ts'
import type { Journal } from '../../store/journal.ts'
import type { EventContext, EventRouter } from '../wire/router.ts'
import type { Module, ModuleEvent, ModuleTools } from './define-module.ts'

/** Bytes of JSON a module may give to a checkpoint. */
const maxStateBytes = 262_144
/** How long, in ms, all modules together may take for a state they promise: a hand-over waits for it. */
const collectMs = 50
/** How long, in ms, all modules together may take to restore theirs. */
const restoreMs = 1_000

/** What of the generation they work with. */
interface Surroundings {
  readonly router: EventRouter
  readonly journal: Journal
}

export type Collected = ModuleState | ModuleFailure

/** What modules have to say of themselves while they work. */
export interface ModuleHostOptions {
  modules?: readonly Module[]
  /** Hears of a module that did not do what it should, once for each time. */
  onTrouble?: (error: Error) => void
}

/**
 * The add-on modules of a generation: registers their events, collects their state for checkpoints and hands it back.
 * Whatever one of them does, the others and the daemon go on, and it is named.
 */
export class ModuleHost {
  readonly #modules: readonly Module[]
  readonly #onTrouble: (error: Error) => void
  /** Their earlier state is still in the journal, and must not be replaced by what they have without it. */
  readonly #unrestored = new Set<Module>()

  constructor({ modules = [], onTrouble = () => {} }: ModuleHostOptions = {}) {
    this.#modules = modules
    this.#onTrouble = onTrouble
  }

  get names(): string[] {
    return this.#modules.map(({ name }) => name)
  }

  /** Makes their events known to the router. */
  register(core: Surroundings): void {
    for (const { name, events, pushes } of this.#modules) {
      for (const [event, spec] of events) core.router.add(event, spec, handlerOf(core, spec), name)
      for (const [push, spec] of pushes) core.router.pushes.set(push, spec)
    }
  }

  /**
   * Their states for a checkpoint: at once where a module gives it at once, later (at most 50 ms) where it promises it.
   * One that has nothing to give has no entry.
   */
  collect(): { now: Collected[]; later: Promise<Collected[]> | undefined } {
    const now: Collected[] = []
    const promised: [Module, Promise<unknown>][] = []
    for (const module of this.#modules) {
      if (module.collect === undefined) continue
      const given = this.#attempt(module, module.collect)
      if (given instanceof Promise) promised.push([module, given])
      else if (given !== undefined) now.push(given)
    }
    return { now, later: promised.length === 0 ? undefined : this.#await(promised) }
  }

  /** Gives each module the newest state it ever gave, all at the same time. */
  async restore(core: Surroundings): Promise<void> {
    const limit = startLimit(restoreMs)
    await Promise.all(this.#modules.map((module) => this.#restore(core, module, limit.expired)))
    limit.end()
  }

  async #await(promised: [Module, Promise<unknown>][]): Promise<Collected[]> {
    const limit = startLimit(collectMs)
    const states = await Promise.all(
      promised.map(([module, given]) =>
        Promise.race([given, limit.expired]).then(
          (state) => this.#toState(module, state),
          (error: unknown) => this.#failure(module, error),
        ),
      ),
    )
    limit.end()
    return states.filter(isGiven)
  }

  async #restore(core: Surroundings, module: Module, expired: Promise<never>): Promise<void> {
    try {
      const onGarbled = (checkpoint: number): void => this.#garbled(module, checkpoint)
      const newest = module.restore && core.journal.moduleStates.newest(module.name, onGarbled)
      if (newest !== undefined) await Promise.race([module.restore?.(newest.state, newest.version), expired])
      this.#unrestored.delete(module)
    } catch (error) {
      this.#unrestored.add(module)
      const problem = `The module ${module.name} could not restore its state: ${messageOf(error)}`
      this.#onTrouble(
        new Error(`${problem}. It works without; what is kept of it stays in the journal`, { cause: error }),
      )
    }
  }

  #garbled({ name }: Module, checkpoint: number): void {
    const what = `What the module ${name} gave to checkpoint ${checkpoint} stands in a damaged part of the journal`
    this.#onTrouble(new Error(`${what}: it gets what it gave before, if anything`))
  }

  /** @returns undefined for a module that has nothing to give */
  #attempt(module: Module, collect: () => unknown): Collected | undefined | Promise<unknown> {
    const { name, version } = module
    if (this.#unrestored.has(module))
      return { module: name, version, error: 'its earlier state, not restored, is kept' }
    try {
      const given = collect()
      return given instanceof Promise ? given : this.#toState(module, given)
    } catch (error) {
      return this.#failure(module, error)
    }
  }

  #toState(module: Module, state: unknown): Collected | undefined {
    try {
      const text = JSON.stringify(state) as string | undefined
      if (text === undefined) return undefined
      const bytes = Buffer.byteLength(text)
      if (bytes > maxStateBytes) throw new Error(`its state has ${bytes} bytes, and ${maxStateBytes} are the limit`)
      return { module: module.name, version: module.version, state }
    } catch (error) {
      return this.#failure(module, error)
    }
  }

  #failure({ name, version }: Module, error: unknown): ModuleFailure {
    const why = messageOf(error).slice(0, 500)
    this.#onTrouble(new Error(`The module ${name} gave no state to the checkpoint: ${why}`, { cause: error }))
    return { module: name, version, error: why }
  }
}

/** A promise that is rejected after `ms`, unless it is ended before. */
function startLimit(ms: number): { expired: Promise<never>; end: () => void } {
  const { promise, reject } = Promise.withResolvers<never>()
  promise.catch(() => {})
  const timer = setTimeout(() => reject(new Error(`it took longer than ${ms} ms`)), ms)
  return { expired: promise, end: () => clearTimeout(timer) }
}

function isGiven(given: Collected | undefined): given is Collected {
  return given !== undefined
}

function handlerOf(core: Surroundings, spec: ModuleEvent): (data: never, context: EventContext) => unknown {
  return (data, context) => {
    const tools: ModuleTools = {
      context,
      push: (name, pushed) => {
        core.journal.tx(() => core.journal.emitAny(name, pushed as Record<string, unknown>))
      },
    }
    return spec.handle(data, tools)
  }
}
