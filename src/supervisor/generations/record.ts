import type { BootFailure, FromGeneration, SupervisorStatus } from '../../contracts/control.ts'
import type { BootCause } from '../../contracts/words.ts'

/** What the supervisor can say of its generations: how things stand, since when, and what went wrong last. */
export class GenerationRecord {
  phase: SupervisorStatus['phase'] = 'starting'
  phaseSince = Date.now()
  problem: string | null = null
  lastFailure: BootFailure | null = null
  generation: number | null = null
  liveSince: number | null = null
  nextTryAt: number | null = null
  swaps = 0
  failedSwaps = 0
  crashes = 0

  /** `stopping` is never left. */
  setPhase(phase: SupervisorStatus['phase']): void {
    if (this.phase === phase || this.phase === 'stopping') return
    this.phase = phase
    this.phaseSince = Date.now()
  }

  /** A generation is live: new code, or the one before again. */
  live({ generation }: Extract<FromGeneration, { type: 'live' }>): void {
    this.generation = generation
    this.liveSince = Date.now()
    this.nextTryAt = null
    this.setPhase('live')
  }

  /** The newest code is live: what was wrong before is mended. */
  mended(cause: BootCause): void {
    this.problem = null
    this.lastFailure = null
    if (cause === 'save' || cause === 'reload') this.swaps += 1
  }

  /** A change or boot came to nothing. */
  failed(failure: BootFailure, problem: string): void {
    this.failedSwaps += 1
    this.lastFailure = failure
    this.problem = problem
  }
}
