import type { SupervisorStatus } from '../contracts/control.ts'
import type { Generations } from './generations/driver.ts'
import type { SwapResult } from './generations/events.ts'

/** Answers the events the supervisor itself answers, and `system:health` while no generation is live. */
export function answerer(options: {
  generations: Generations
  status: () => SupervisorStatus
  /** A client asks for the end. */
  end: (reason: string) => void
}): (event: string) => Promise<unknown> {
  const { generations, status, end } = options
  return async (event) => {
    switch (event) {
      case 'supervisor:status':
        return status()
      case 'system:reload':
        return toReloadReply(await generations.boot({ cause: 'reload', files: [], at: Date.now() }))
      case 'system:shutdown':
        setImmediate(() => end('system:shutdown'))
        return { shutdown_initiated: true }
      default: {
        const { phase, generation, problem, nextTryAt } = generations.view
        return {
          status: phase === 'stopping' ? 'stopping' : 'restarting',
          generation,
          problem,
          next_try_at: nextTryAt,
        }
      }
    }
  }
}

function toReloadReply(result: SwapResult): Record<string, unknown> {
  if (result.status === 'live') return { ...result, status: 'reloaded' }
  return { status: 'failed', error: result.failure.error.message, failure: result.failure }
}
