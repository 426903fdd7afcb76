import { setTimeout as delay } from 'node:timers/promises'
import { eventSpec } from '../../contracts/events.ts'
import type { EventData } from '../../contracts/events.ts'
import { KsiError } from '../../lib/errors.ts'
import type { Core } from '../core.ts'

/** What is about the connection it comes on, which the front has to see. */
const ofConnections = new Set([
  'monitor:subscribe',
  'monitor:unsubscribe',
  'completion:stream',
  'completion:stop_stream',
])

/**
 * `event:emit`: does what its data names as if that had come by itself, with the same `_event_id`.
 * @throws KsiError KSI_BAD_REQUEST for what cannot be sent so, KSI_UNSUPPORTED_PARAMETER for a condition
 */
export function emitEvent(
  core: Core,
  asked: EventData<'event:emit'>,
  handle: (event: string, data: Record<string, unknown>) => unknown[] | Promise<unknown[]>,
): unknown[] | Promise<unknown[]> {
  const { event, data } = asked
  if (asked.condition != null)
    throw new KsiError('KSI_UNSUPPORTED_PARAMETER', 'condition: there is nobody here to judge it. Nothing was sent.', {
      details: { parameters: ['condition'] },
    })
  if (event === 'event:emit' || ofConnections.has(event) || eventSpec(event)?.front === true)
    throw new KsiError('KSI_BAD_REQUEST', `${event} cannot be sent by event:emit: send it by itself.`)
  if (asked.delay === 0) return handle(event, data)
  return delay(asked.delay * 1_000).then(async () => {
    const results = await handle(event, data)
    // Nobody else waits for the disk in its place: it is told when the turn it was run in is long over.
    await new Promise<void>((resolve, reject) => core.journal.whenSynced(resolve, reject))
    return results
  })
}
