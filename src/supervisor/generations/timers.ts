import { startAwakeTimer } from '../../lib/awake-timer.ts'
import type { AwakeTimer } from '../../lib/awake-timer.ts'
import type { Child } from '../../lib/child.ts'
import type { Log } from '../../lib/log.ts'
import type { Measured, Timer } from './events.ts'

/** Where the disk is waited for, a deadline is put off by so many ms at a time; and by so many once it is there. */
const putOff = { waiting: 250, afterwards: 1_000 } as const

interface Wait {
  ms: number
  /** the process it is for, if it is for one */
  id: number | undefined
  /** ms it was put off by so far */
  putOffMs: number
  /** The disk is there again: it has this time for what it waited with. */
  isLast: boolean
}

interface TimersOptions {
  log: Log
  child: (id: number) => Child | undefined
  /** By its own word it waits for a sync. */
  isSyncing: (id: number) => boolean
  /** So long, in ms, a disk is waited for. */
  patienceMs: number
  onDue: (name: Timer, measured: Measured) => void
}

/**
 * The deadlines of the life cycle. They count time in which this process itself ran, none at a breakpoint, and little
 * while the one they are for waits for the disk.
 */
export class Timers {
  readonly #o: TimersOptions
  readonly #running = new Map<Timer, AwakeTimer>()

  constructor(options: TimersOptions) {
    this.#o = options
  }

  /** @param id the process it is for, if it is for one */
  start(name: Timer, ms: number, id: number | undefined): void {
    this.#start(name, { ms, id, putOffMs: 0, isLast: false })
  }

  stop(name: Timer): void {
    this.#running.get(name)?.stop()
  }

  /** Nobody is in time whose sync takes long: that is the disk's fault, also where it cannot say so itself. */
  waitsForDisk(id: number | undefined): boolean {
    return id !== undefined && (this.#o.isSyncing(id) || this.#o.child(id)?.waitsForDisk === true)
  }

  #start(name: Timer, wait: Wait): void {
    this.stop(name)
    const { ms, id } = wait
    const child = id === undefined ? undefined : this.#o.child(id)
    const usedBefore = child?.cpuMs
    const timer = startAwakeTimer(ms, (stoodStillMs) => {
      this.#running.delete(name)
      // At a breakpoint no deadline applies.
      if (child?.debugged === true) return this.#start(name, wait)
      if (this.#isPutOff(name, wait)) return
      const used = child?.cpuMs
      const cpuMs = used === undefined || usedBefore === undefined ? undefined : used - usedBefore
      this.#o.onDue(name, { stoodStillMs, cpuMs, unanswered: child?.unanswered })
    })
    this.#running.set(name, timer)
  }

  #isPutOff(name: Timer, { id, putOffMs, isLast }: Wait): boolean {
    const waits = this.waitsForDisk(id)
    if (putOffMs >= this.#o.patienceMs || (!waits && (putOffMs === 0 || isLast))) return false
    const ms = waits ? putOff.waiting : putOff.afterwards
    if (putOffMs === 0) this.#o.log.warn({ deadline: name }, 'a generation waits for the disk, and is waited for')
    this.#start(name, { ms, id, putOffMs: putOffMs + ms, isLast: !waits })
    return true
  }
}
