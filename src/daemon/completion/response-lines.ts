import type { EventData } from '../../contracts/events.ts'
import { lastText } from '../../lib/prompt.ts'
import { iso } from '../../lib/time.ts'
import type { RequestRow } from '../../store/rows.ts'

type Asked = Pick<RequestRow, 'request_id' | 'queued_at' | 'model' | 'agent_id'>

/** The line of a prompt in its session's response file (docs/wire.md, "Response files"). */
export function promptLine(row: Asked, data: EventData<'completion:async'> | undefined): Record<string, unknown> {
  return {
    type: 'user',
    timestamp: iso(row.queued_at),
    content: data === undefined ? '' : lastText(data),
    request_id: row.request_id,
    model: row.model,
    agent_id: row.agent_id,
    ...(data?.messages === undefined ? {} : { messages: data.messages }),
  }
}
