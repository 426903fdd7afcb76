import { Child } from './child.ts'
import type { ChildOptions } from './child.ts'
import type { ChildEnd } from './child-end.ts'

interface KeptChildOptions extends ChildOptions {
  /** the program's main file */
  path: string
  /** It has just been started. */
  onStart?: (child: Child) => void
  /** It has ended by itself after `livedMs`. @returns how long to wait, in ms, before it is started again */
  onEnd: (end: ChildEnd, livedMs: number) => number
}

/** A program that is to run for as long as we do: started again whenever it ends. */
export class KeptChild {
  readonly #o: KeptChildOptions
  #child: Child | undefined
  #timer: NodeJS.Timeout | undefined
  #stopped = false

  constructor(options: KeptChildOptions) {
    this.#o = options
  }

  /** Whether it runs, or will be started again by itself. */
  get isKept(): boolean {
    return this.#child !== undefined
  }

  start(): void {
    const child = new Child(this.#o.path, this.#o)
    const began = performance.now()
    this.#child = child
    this.#o.onStart?.(child)
    void child.ended.then((end) => {
      if (this.#child !== child || this.#stopped) return
      this.#timer = setTimeout(() => this.start(), this.#o.onEnd(end, performance.now() - began))
    })
  }

  /** Asks it to end (SIGTERM), kills it after `ms`, and starts it anew. */
  async restart(ms: number): Promise<void> {
    clearTimeout(this.#timer)
    const old = this.#child
    this.#child = undefined
    old?.signal('SIGTERM')
    await old?.endWithin(ms)
    if (!this.#stopped) this.start()
  }

  /** Leaves it to itself: it may go on without us. */
  letGo(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
  }

  /** Ends it for good: `ask` says how it is asked, and after `ms` it is killed. */
  async stop(ms: number, ask: (child: Child) => void = (child) => child.signal('SIGTERM')): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#timer)
    if (this.#child === undefined) return
    ask(this.#child)
    await this.#child.endWithin(ms)
  }
}
