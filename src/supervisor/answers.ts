import type { SupervisorStatus } from '../contracts/control.ts'
import { eventSpec } from '../contracts/events.ts'
import type { EventReply, FrontEventName } from '../contracts/events.ts'
import type { AbsentHealth } from '../contracts/events/system.ts'
import { unknownParameter } from '../contracts/unknown-parameter.ts'
import type { Generations } from './generations/driver.ts'
import type { SwapResult } from './generations/events.ts'

/** What the supervisor answers: its own events, and `system:health` while no generation is live. */
type Answers = {
  [N in FrontEventName]: (data: Record<string, unknown>) => EventReply<N> | Promise<EventReply<N>>
} & { 'system:health': () => AbsentHealth }

/**
 * Gives the front, which knows names only, the answer of an event.
 * @throws KsiError KSI_BAD_REQUEST for a parameter the event does not have
 */
export function answerer(options: {
  generations: Generations
  status: () => SupervisorStatus
  /** A client asks for the end. */
  end: (reason: 'shutdown' | 'restart') => void
}): (event: string, data: Record<string, unknown>) => unknown {
  const { generations, status, end } = options
  const answers: Answers = {
    'supervisor:status': status,
    'system:reload': async () => toReloadReply(await generations.boot({ cause: 'reload', files: [], at: Date.now() })),
    'system:rollback': async () => toRollbackReply(await generations.rollBack()),
    'system:shutdown': ({ restart }) => {
      setImmediate(() => end(restart === true ? 'restart' : 'shutdown'))
      return { shutdown_initiated: true }
    },
    'system:health': () => {
      const { phase, generation, problem, nextTryAt } = generations.view
      return {
        status: phase === 'stopping' ? 'stopping' : 'restarting',
        generation,
        problem,
        next_try_at: nextTryAt,
      }
    },
  }
  const byName: Record<string, (data: Record<string, unknown>) => unknown> = answers
  return (event, data) => {
    const spec = eventSpec(event)
    const unknown = spec && unknownParameter(event, spec.data, data)
    if (unknown !== undefined) throw unknown
    return Object.hasOwn(byName, event) ? byName[event]?.(data) : undefined
  }
}

function toReloadReply(result: SwapResult): EventReply<'system:reload'> {
  if (result.status === 'live') return { status: 'reloaded', generation: result.generation, phases: result.phases }
  return { status: 'failed', error: result.failure.error.message, failure: result.failure }
}

function toRollbackReply(result: SwapResult): EventReply<'system:rollback'> {
  if (result.status === 'live') return { ...result, status: 'rolled_back' }
  return { status: 'failed', error: result.failure.error.message, failure: result.failure }
}
