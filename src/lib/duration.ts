/** A duration in ms, to a tenth: what phases are told in. */
export function roundMs(ms: number): number {
  return Math.round(ms * 10) / 10
}
