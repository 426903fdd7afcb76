import type { Limits } from '../state.ts'

/** Those of a ksi nobody has set otherwise. */
export const limits: Limits = { bootMs: 10_000, heartbeatMs: 5_000, probationMs: 6_000, spare: true }
