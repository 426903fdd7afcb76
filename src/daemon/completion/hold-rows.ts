import { endsWithProbe } from '../../contracts/holds.ts'
import type { HoldRow } from '../../store/holds.ts'
import type { Circuit } from './circuit.ts'

/** The circuit a hold stands for; undefined where it ends by its time alone, or when it is released. */
export function circuitOf({ cause, until, times, probe, probing }: HoldRow): Circuit | undefined {
  if (!endsWithProbe(cause) || until === null) return undefined
  if (probe === null || probing === null) return { phase: 'open', until, times }
  return { phase: 'half-open', until, times, probe }
}

/** Whether a hold that ends by its time has ended. */
export function isOver({ cause, until }: HoldRow, now: number): boolean {
  return !endsWithProbe(cause) && until !== null && until <= now
}
