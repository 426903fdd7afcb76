import type { Stage } from './stage.ts'
import type { Witness } from './witness.ts'

/** What scenarios are played with. */
export interface Company {
  stage: Stage
  witness: Witness
  /** numbers in [0, 1) */
  random: () => number
  /** ends all of it */
  signal: AbortSignal
}
