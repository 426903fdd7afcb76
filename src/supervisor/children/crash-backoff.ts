/** Waits, in ms, before the restarts of a row of crashes. */
const waitsMs = [0, 250, 1_000, 5_000]
/** One that served this long, in ms, ends the row. */
const soundMs = 1_000
/**
 * So many kills from outside within `killWindowMs` are taken for an operator or a test; more look like a kernel that is
 * out of memory.
 */
const toleratedKills = 30
const killWindowMs = 10_000

/** Decides how long to wait before a process that crashed (a generation, a runner) is started again. */
export class CrashBackoff {
  #row = 0
  #kills: number[] = []

  /**
   * @param crash `killed`: by SIGKILL from outside, which says nothing of the code; `livedMs`: how long it had served
   * @returns ms to wait
   */
  next(crash: { killed: boolean; livedMs: number }, now: number = Date.now()): number {
    if (crash.livedMs >= soundMs) this.#row = 0
    if (crash.killed) {
      this.#kills = [...this.#kills.filter((at) => at > now - killWindowMs), now]
      if (this.#kills.length <= toleratedKills) return 0
    }
    const wait = waitsMs[Math.min(this.#row, waitsMs.length - 1)] ?? 0
    this.#row += 1
    return wait
  }

  /** New code is live: what the old did says nothing of it. */
  reset(): void {
    this.#row = 0
  }
}
