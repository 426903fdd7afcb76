import { randomUUIDv7 } from 'node:crypto'
import { permissionProfiles } from '../../contracts/permissions.ts'
import { providerName, providerOf, providerParameters } from '../../contracts/providers.ts'
import type { RunInput } from '../../contracts/runner.ts'
import type { EventData } from '../../contracts/events.ts'
import { isObject } from '../../lib/ndjson.ts'
import { bringsHistory, lastText } from '../../lib/prompt.ts'
import type { ConversationRow, RequestRow } from '../../store/rows.ts'
import type { Core } from '../core.ts'
import { historyOf } from './history.ts'

/**
 * What the runner is asked to do: from the request as it was sent and the conversation as it stands.
 * @returns undefined where the content of the request cannot be read
 */
export function toRunInput(core: Core, request: RequestRow, conversation: ConversationRow): RunInput | undefined {
  const data = core.requests.payload(request.request_id)
  if (data === undefined) return undefined
  const asked = Object.entries(data).filter(([name, value]) => value != null && providerParameters.includes(name))
  return {
    request_id: request.request_id,
    run_id: randomUUIDv7(),
    attempt: request.attempts + 1,
    model: request.model,
    prompt: lastText(data),
    messages: data.messages,
    conversation: request.conversation,
    ...sessionFor(core, request, conversation, bringsHistory(data.messages)),
    agent_id: request.agent_id ?? undefined,
    client_id: data.originator_id ?? undefined,
    parameters: Object.fromEntries(asked),
    timeout_ms: timeLimitOf(core, request.request_id, data),
    extra_body: permitted(request.model, data) ?? data.extra_body ?? undefined,
  }
}

type Session = Pick<RunInput, 'session_id' | 'session_provider' | 'session_restarted' | 'history' | 'history_left_out'>

/** A permission profile in claude's own words; what the request says of its tools itself counts more. */
function permitted(model: string, data: EventData<'completion:async'>): RunInput['extra_body'] {
  const profile = permissionProfiles[data.agent_config?.permission_profile ?? '']
  if (profile === undefined || providerName(model) !== 'claude-cli') return undefined
  const { allowed, disallowed } = profile.tools
  const own = isObject(data.extra_body?.['claude']) ? data.extra_body['claude'] : {}
  return { ...data.extra_body, claude: { allowed_tools: allowed, disallowed_tools: disallowed, ...own } }
}

/** The session to go on from, and what was said so far where the provider may not have it there. */
function sessionFor(
  core: Core,
  { model }: RequestRow,
  { conversation, session_id }: ConversationRow,
  whole: boolean,
): Session {
  const name = providerName(model)
  const owner = session_id === null ? undefined : core.conversations.providerOf(session_id)
  const session: Session = { session_id: session_id ?? undefined, session_provider: owner }
  const kept = providerOf(model)?.history ?? 'none'
  if (whole || kept === 'none' || (kept === 'kept' && owner === name)) return session
  const { messages, leftOut } = historyOf(core, conversation)
  if (messages.length === 0) return session
  const why =
    owner === undefined ? `${name} does not know the session before` : `the session before was one of ${owner}`
  return {
    ...session,
    history: messages,
    ...(leftOut > 0 && { history_left_out: leftOut }),
    ...(kept === 'kept' && { session_restarted: why }),
  }
}

/** How long, in ms, a run of this request may take. */
export function timeLimitOf(core: Core, requestId: string, data = core.requests.payload(requestId)): number {
  return data?.timeout_ms ?? core.settings.KSI_PROVIDER_TIMEOUT_MS
}
