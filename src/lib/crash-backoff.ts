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

/** How often something has crashed of late: a value, so that a pure state can hold it. */
export interface CrashBackoff {
  /** crashes one after the other, none of which served for long */
  readonly row: number
  /** when it was killed from outside, ms of a clock that only goes forwards */
  readonly kills: readonly number[]
}

export interface Crash {
  /** by SIGKILL from outside, which says nothing of the code */
  killed: boolean
  /** how long it had served */
  livedMs: number
}

/** Nothing has crashed yet, or new code is live: what the old did says nothing of it. */
export const noCrashes: CrashBackoff = { row: 0, kills: [] }

/** Counts a crash at `now` (ms). @returns how long to wait, in ms, before it is started again */
export function countCrash(
  backoff: CrashBackoff,
  crash: Crash,
  now: number,
): { backoff: CrashBackoff; waitMs: number } {
  const row = crash.livedMs >= soundMs ? 0 : backoff.row
  const kills = crash.killed ? [...backoff.kills.filter((at) => at > now - killWindowMs), now] : backoff.kills
  if (crash.killed && kills.length <= toleratedKills) return { backoff: { row, kills }, waitMs: 0 }
  const waitMs = waitsMs[Math.min(row, waitsMs.length - 1)] ?? 0
  return { backoff: { row: row + 1, kills }, waitMs }
}

/** New code serves: the row begins anew, the kills are still counted. */
export function endRow(backoff: CrashBackoff): CrashBackoff {
  return { ...backoff, row: 0 }
}
