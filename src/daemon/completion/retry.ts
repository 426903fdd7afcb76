import type { EventData, EventReply } from '../../contracts/events.ts'
import { KsiError } from '../../lib/errors.ts'
import type { Core } from '../core.ts'
import type { EventContext } from '../wire/router.ts'
import { acceptRequest } from './accept.ts'

/**
 * Queues a request that came to nothing once more, under an id of its own: what became of the old one stays as it is.
 * Call within a transaction.
 * @param replay one that was completed, too
 * @throws KsiError KSI_NOT_FOUND, KSI_BAD_REQUEST when it has not failed or its content is gone, and whatever
 *   `completion:async` throws
 */
export function retryRequest(
  core: Core,
  { request_id: old, as: id }: EventData<'completion:retry'>,
  context: EventContext,
  replay = false,
): EventReply<'completion:retry'> {
  const row = core.requests.get(old)
  if (row === undefined) throw new KsiError('KSI_NOT_FOUND', `Unknown request_id: ${old}`)
  if (row.state !== 'failed' && row.state !== 'cancelled' && !(replay && row.state === 'completed'))
    throw new KsiError(
      'KSI_BAD_REQUEST',
      `Request ${old} is ${row.state}: only a failed or cancelled one is sent again.`,
    )
  const content = core.requests.payload(old)
  if (content === undefined)
    throw new KsiError('KSI_BAD_REQUEST', `What ${old} was to do is not in the journal any more: send it anew.`)
  const { request_id: _, ...data } = content
  const acknowledgement = acceptRequest(core, {
    event: row.event === 'completion:inject' ? 'completion:inject' : 'completion:async',
    priority: row.priority,
    // One that began a conversation goes on with it.
    data: {
      ...data,
      conversation_id: row.conversation,
      retry_of: old,
      ...(id === undefined ? {} : { request_id: id }),
    },
    context,
  })
  return { ...acknowledgement, retry_of: old }
}
