import type { Core } from '../core.ts'

/** Tells subscribers what a provider says of a run on its way. News only: the outcome says it all. */
export function tellProgress(core: Core, requestId: string, data: Record<string, unknown>): void {
  const row = core.requests.get(requestId)
  if (row?.state !== 'processing') return
  const about = { ...data, request_id: requestId, conversation: row.conversation, status: 'streaming' as const }
  try {
    core.journal.tx(() => core.journal.emit('completion:progress', about, requestId))
  } catch (error) {
    core.log.warn({ request_id: requestId, err: error }, 'progress could not be told')
  }
}
