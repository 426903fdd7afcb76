import type { EventReply, PushData } from '../../contracts/events.ts'
import { KsiError } from '../../lib/errors.ts'
import type { RequestRow } from '../../store/rows.ts'
import type { Core } from '../core.ts'
import { identityOf } from './settle.ts'

/**
 * Cancels a request. Call within a transaction.
 * @param reason `removed` where it is to be as if it had never been asked for
 * @param after called with the request as it was, once that is committed
 * @throws KsiError KSI_NOT_FOUND, KSI_BAD_REQUEST when it has an outcome
 */
export function cancelRequest(
  core: Core,
  requestId: string,
  { reason, after }: { reason: 'cancelled' | 'removed'; after: (was: RequestRow) => void },
): EventReply<'completion:cancel'> {
  const row = core.requests.get(requestId)
  if (row === undefined) throw new KsiError('KSI_NOT_FOUND', `Unknown request_id: ${requestId}`)
  if (row.finished_at !== null) throw new KsiError('KSI_BAD_REQUEST', `Request ${requestId} already ${row.state}`)
  const about: PushData<'completion:cancelled'> = { ...identityOf(row), was: row.state }
  const tick = core.journal.emit('completion:cancelled', about, requestId)
  core.requests.finish(requestId, { state: 'cancelled', now: Date.now(), tick, outcome: { reason } })
  core.journal.afterCommit(() => after(row))
  return { request_id: requestId, status: 'cancelled' }
}
