import { fromGeneration } from '../../contracts/control.ts'
import { withPlace } from '../../lib/error-place.ts'
import { errorOfUnknown } from './blame.ts'
import type { GenerationEvent } from './events.ts'

/**
 * What a generation says, as an event. A save can change what generations say; the supervisor still knows what it knew
 * when it was started.
 */
export function toEvent(id: number, message: unknown): GenerationEvent {
  const { data } = fromGeneration.safeParse(message)
  if (data === undefined) return { type: 'unknown', id, error: errorOfUnknown(message) }
  switch (data.type) {
    case 'live':
      return { type: 'live', id, live: data }
    case 'pong':
      return { type: 'answered', id }
    case 'failed':
    case 'troubled':
      return { ...data, id, error: withPlace(data.error) }
    default:
      return { ...data, id }
  }
}
