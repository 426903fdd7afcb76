/** ISO 8601 in UTC, from epoch ms. */
export function iso(ms: number): string {
  return new Date(ms).toISOString()
}

/** ISO 8601 or null. */
export function isoOrNull(ms: number | null): string | null {
  return ms === null ? null : iso(ms)
}

/** A duration in ms, to a tenth: what phases are told in. */
export function roundMs(ms: number): number {
  return Math.round(ms * 10) / 10
}
