import type { EventData, EventReply } from '../../contracts/events.ts'
import type { UsageFilter, UsageGroup } from '../../contracts/events/providers.ts'
import { KsiError } from '../../lib/errors.ts'
import type { Core } from '../core.ts'

const listed = 1_000
const hourMs = 3_600_000

/** `completion:token_usage`. @throws KsiError KSI_NOT_FOUND for a request that is not there */
export function describeUsage(
  core: Core,
  asked: EventData<'completion:token_usage'>,
): EventReply<'completion:token_usage'> {
  const { usage } = core.journal.runs
  if (asked.request_id != null) return ofRequest(core, asked.request_id)
  const filter: UsageFilter = {
    since: asked.hours == null ? 0 : Math.floor((Date.now() - asked.hours * hourMs) / hourMs),
    agent_id: asked.agent_id ?? null,
    model: asked.model ?? null,
    conversation: conversationOf(core, asked),
  }
  const by = (group: UsageGroup) => usage.by(group, filter, listed)
  return {
    total: usage.total(filter),
    by_day: by('day'),
    by_agent: by('agent'),
    by_conversation: by('conversation'),
    by_model: by('model'),
  }
}

function conversationOf({ conversations }: Core, asked: EventData<'completion:token_usage'>): string | null {
  if (asked.session_id == null) return asked.conversation_id ?? null
  return conversations.ofSession(asked.session_id) ?? asked.session_id
}

function ofRequest(core: Core, requestId: string): EventReply<'completion:token_usage'> {
  const row = core.requests.get(requestId)
  if (row === undefined) throw new KsiError('KSI_NOT_FOUND', `Unknown request_id: ${requestId}`)
  const nothing = { since: Number.MAX_SAFE_INTEGER, agent_id: null, model: null, conversation: null }
  const total = core.journal.runs.usage.ofRequest(row) ?? core.journal.runs.usage.total(nothing)
  const day = new Date(row.finished_at ?? row.queued_at).toISOString().slice(0, 10)
  return {
    total,
    by_day: { [day]: total },
    by_agent: { [row.agent_id ?? '']: total },
    by_conversation: { [row.conversation]: total },
    by_model: { [row.model]: total },
  }
}
