/**
 * A deadline is kept in slices of so many ms, so that a machine that stood still is noticed; one that is far away in
 * longer ones, since there may be many of these.
 */
const sliceMs = 250
const longSliceMs = 1_000
const farMs = 60_000
/** A slice that took longer than this on top, in ms, was not waited for: nothing ran in that time. */
const lateMs = 250

/** A running deadline. */
export interface AwakeTimer {
  stop(): void
  /** ms that are still to be waited for, to a slice */
  readonly leftMs: number
}

/**
 * A deadline of `ms` that counts only the time in which this process itself ran: a laptop that slept, a container that
 * was paused or a machine too busy to run us is nobody's fault.
 * @param onDue called once; `stoodStillMs` is the time that was not counted
 */
export function startAwakeTimer(ms: number, onDue: (stoodStillMs: number) => void): AwakeTimer {
  let left = ms
  let stoodStill = 0
  let timer: NodeJS.Timeout | undefined
  const sleep = (): void => {
    const slice = Math.min(left, left > farMs ? longSliceMs : sliceMs)
    const begun = performance.now()
    timer = setTimeout(() => {
      const late = performance.now() - begun - slice
      if (late > lateMs) stoodStill += late
      left -= slice
      if (left <= 0) onDue(stoodStill)
      else sleep()
    }, slice)
  }
  sleep()
  return {
    stop: () => clearTimeout(timer),
    get leftMs() {
      return left
    },
  }
}
