import type { EventReply } from '../../contracts/events.ts'
import type { Agent } from '../../contracts/events/agents.ts'
import { KsiError } from '../../lib/errors.ts'
import { isoOrNull } from '../../lib/time.ts'
import type { AgentRow } from '../../store/agents.ts'
import type { Core } from '../core.ts'
import { registerConversations } from './conversations.ts'

/** Characters of JSON an agent may say of itself. */
const maxInfo = 65_536
const counted = 1_000

/** `agent:…`, `conversation:…`, and what of `completion:…` is about an agent's conversation (docs/ksi-clients.md). */
export function registerAgents(core: Core): void {
  const { router, journal } = core
  const { agents } = journal
  const service = { service: 'agents' }
  registerConversations(core)
  router.on('agent:register', ({ agent_id, info }) => register(core, agent_id, info), service)
  router.on(
    'agent:unregister',
    ({ agent_id }) => {
      agentOf(core, agent_id)
      agents.unregister(agent_id)
      return { agent_id, status: 'unregistered' }
    },
    service,
  )
  router.on('agent:list', ({ limit, after }) => list(agents.list(after, limit), limit), service)
  router.on('agent:info', ({ agent_id }) => describe(agentOf(core, agent_id)), service)
  router.on('completion:clear_agent_session', ({ agent_id }) => clear(core, agent_id), service)
  router.on('completion:reset_conversation', ({ agent_id, depth }) => reset(core, agent_id, depth), service)
  router.on('completion:get_conversation_summary', ({ agent_id }) => summarize(core, agent_id), service)
}

/** @throws KsiError KSI_NOT_FOUND */
function agentOf({ journal }: Core, agentId: string): AgentRow {
  const agent = journal.agents.get(agentId)
  if (agent === undefined) throw new KsiError('KSI_NOT_FOUND', `Agent ${agentId} not found`)
  return agent
}

function register(core: Core, agentId: string, info: Record<string, unknown>): EventReply<'agent:register'> {
  const text = JSON.stringify(info)
  if (text.length > maxInfo)
    throw new KsiError('KSI_BAD_REQUEST', `info has ${text.length} characters, and ${maxInfo} are the limit.`)
  core.quotas.take(text.length)
  core.journal.agents.register(agentId, text, Date.now())
  return { agent_id: agentId, status: 'registered' }
}

function list(rows: AgentRow[], limit: number): EventReply<'agent:list'> {
  const agents = rows.map(listed)
  return { agents, count: agents.length, next: rows.length < limit ? null : (rows.at(-1)?.agent_id ?? null) }
}

function listed({ agent_id, info, queued, busy, registered_at }: AgentRow): EventReply<'agent:list'>['agents'][number] {
  return {
    agent_id,
    status: busy || queued > 0 ? 'active' : 'idle',
    component: text(info['component']),
    created_at: isoOrNull(registered_at),
    metadata_namespace: null,
  }
}

function describe(agent: AgentRow): Agent {
  return {
    ...listed(agent),
    registered: agent.registered_at !== null,
    config: { model: agent.model ?? text(agent.info['model']) },
    info: agent.info,
    conversation: agent.conversation,
    session_id: agent.session_id,
    queued: agent.queued,
    last_activity: isoOrNull(agent.last_used_at),
  }
}

function text(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}

function clear({ journal }: Core, agentId: string): EventReply<'completion:clear_agent_session'> {
  const agent = journal.agents.get(agentId)
  if (agent === undefined || agent.conversation === null) return { status: 'not_found', agent_id: agentId }
  journal.agents.leaveConversation(agentId)
  return { status: 'cleared', agent_id: agentId, old_session: agent.session_id }
}

/** @throws KsiError KSI_UNSUPPORTED_PARAMETER: a part of a conversation cannot be kept */
function reset({ journal }: Core, agentId: string, depth: number): EventReply<'completion:reset_conversation'> {
  if (depth > 0)
    throw new KsiError(
      'KSI_UNSUPPORTED_PARAMETER',
      'depth: a conversation that is reset begins with nothing of the one before. Leave it out; this was not done.',
      { details: { parameters: ['depth'] } },
    )
  const kept = { reset_type: 'full', contexts_kept: 0 } as const
  const { conversation = null, session_id = null } = journal.agents.get(agentId) ?? {}
  if (conversation !== null) {
    journal.agents.leaveConversation(agentId)
    journal.emit('conversation:reset', { agent_id: agentId, conversation, session_id, ...kept })
  }
  return { agent_id: agentId, reset: conversation !== null, had_active_session: session_id !== null, ...kept }
}

/** @throws KsiError KSI_NOT_FOUND */
function summarize(core: Core, agentId: string): EventReply<'completion:get_conversation_summary'> {
  const { conversation, session_id, model, queued, last_used_at } = agentOf(core, agentId)
  return {
    agent_id: agentId,
    has_active_session: session_id !== null,
    conversation,
    session_id,
    model,
    request_count: conversation === null ? 0 : core.requests.ofConversation(conversation, counted).length,
    queued,
    running: conversation === null ? null : (core.conversations.get(conversation)?.running ?? null),
    last_activity: isoOrNull(last_used_at),
  }
}
