import type { ToGeneration } from '../../contracts/control.ts'
import type { Effect, Now, Timer } from './events.ts'
import { handleOf } from './questions.ts'
import type { Handle, Phase, State, Swap, View } from './state.ts'

/** After `end` a process has so long, in ms, before it is killed. */
const endMs = 1_000
/** Until then, in ms, a hand-over is over and clients do not wait any more. */
const handOverMs = 250

/**
 * One step in the making: the state as it stands so far and what is to be done. It lives for the time of a step only,
 * so that what is seen from outside stays a function.
 */
export class Turn {
  state: State
  readonly now: Now
  readonly effects: Effect[] = []

  constructor(state: State, now: Now) {
    this.state = state
    this.now = now
  }

  set(change: Partial<State>): void {
    this.state = { ...this.state, ...change }
  }

  show(change: Partial<View>): void {
    this.set({ view: { ...this.state.view, ...change } })
  }

  /** `stopping` is never left. */
  showPhase(phase: View['phase']): void {
    const { view } = this.state
    if (view.phase !== phase && view.phase !== 'stopping') this.show({ phase, phaseSince: this.now.at })
  }

  swapping(change: Partial<Swap>): void {
    if (this.state.swap !== null) this.set({ swap: { ...this.state.swap, ...change } })
  }

  do(effect: Effect): void {
    this.effects.push(effect)
  }

  send(id: number, message: ToGeneration): void {
    this.do({ type: 'send', id, message })
  }

  log(level: 'info' | 'warn' | 'error', fields: Record<string, unknown>, message: string): void {
    this.do({ type: 'log', level, fields, message })
  }

  /** @param id the process it is for; when ksi stops there are no exceptions for a breakpoint or a disk */
  startTimer(name: Timer, ms: number, id?: number): void {
    this.do({ type: 'startTimer', name, ms, ...(id !== undefined && this.state.stopping === null && { id }) })
  }

  stopTimers(...names: Timer[]): void {
    for (const name of names) this.do({ type: 'stopTimer', name })
  }

  /**
   * A new process; its dependencies are imported when it says that it is a spare.
   * @param tree the kept source it runs; what is on disk when not given
   */
  fork({ preload = false, tree }: { preload?: boolean; tree?: string | undefined } = {}): number {
    const id = this.state.lastId + 1
    const handle: Handle = {
      id,
      phase: 'spare',
      since: this.now.ms,
      ready: false,
      stamp: this.now.stamp,
      tree: tree ?? '',
      isKept: tree !== undefined,
      holds: false,
      syncing: false,
      killed: null,
      trouble: null,
      filling: [],
      troubles: [],
    }
    this.set({ lastId: id, handles: [...this.state.handles, handle] })
    this.do({ type: 'fork', id, preload, ...(tree !== undefined && { tree }) })
    return id
  }

  change(id: number, change: Partial<Handle>): void {
    const handles = this.state.handles.map((handle) => (handle.id === id ? { ...handle, ...change } : handle))
    this.set({ handles })
  }

  move(id: number, phase: Phase, change: Partial<Handle> = {}): void {
    this.change(id, { ...change, phase, since: this.now.ms })
  }

  /** SIGKILL; its end is waited for where it may hold the journal. */
  kill(id: number, why: string): void {
    if (handleOf(this.state, id) === undefined) return
    this.move(id, 'retired', { killed: why })
    this.do({ type: 'kill', id })
  }

  /** It is not needed any more. */
  dismiss(id: number): void {
    this.move(id, 'retired')
    this.send(id, { type: 'end' })
    this.startTimer(`end:${id}`, endMs)
  }

  /**
   * The same in the middle of a hand-over, when every millisecond of a processor counts and an end takes several: it
   * holds nothing, and is killed a little later.
   */
  dismissLater(id: number): void {
    this.move(id, 'retired')
    this.startTimer(`end:${id}`, handOverMs)
  }

  /** It is no more. */
  remove(id: number): void {
    this.set({ handles: this.state.handles.filter((handle) => handle.id !== id) })
    this.stopTimers(`end:${id}`)
  }

  newBootId(): string {
    const lastBoot = this.state.lastBoot + 1
    this.set({ lastBoot })
    return `${this.state.run}-${lastBoot}`
  }
}
