/** ISO 8601 in UTC, from epoch ms. */
export function iso(ms: number): string {
  return new Date(ms).toISOString()
}

/** ISO 8601 or null. */
export function isoOrNull(ms: number | null): string | null {
  return ms === null ? null : iso(ms)
}

/**
 * Epoch ms by the clock as it was when this process started, and from then on only forwards, whatever anybody sets the
 * clock to: for whoever compares with times of files, and lets go what is old.
 */
export function steadyNow(): number {
  return performance.timeOrigin + performance.now()
}

/** A duration in ms, to a tenth: what phases are told in. */
export function roundMs(ms: number): number {
  return Math.round(ms * 10) / 10
}
