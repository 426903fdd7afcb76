import { mainThreadOf } from './process-use.ts'

/** A main thread that used more of the time it was silent in did not wait for a disk. */
const busyShare = 0.25

/**
 * Why a process is silent, seen from outside: one whose main thread waits for a sync can say nothing, no more than one
 * in an endless loop. But it uses no processor, and the system knows in what it waits.
 */
export class Silence {
  #since = 0
  #cpuMs = 0

  /** It is asked for a sign of life, having given one before. */
  begins(pid: number | undefined): void {
    this.#since = performance.now()
    this.#cpuMs = mainThreadOf(pid)?.cpuMs ?? 0
  }

  /** Whether it waits for the disk at this moment. Where the system does not tell, it does not. */
  isOfDisk(pid: number | undefined): boolean {
    const use = mainThreadOf(pid)
    if (use?.waitsForDisk !== true) return false
    return this.#since === 0 || use.cpuMs - this.#cpuMs <= (performance.now() - this.#since) * busyShare
  }
}
