import { hash, randomUUIDv7 } from 'node:crypto'
import type { EventData, EventReply } from '../../contracts/events.ts'
import type { ClientInfo } from '../../contracts/completion.ts'
import type { Priority } from '../../contracts/words.ts'
import { KsiError } from '../../lib/errors.ts'
import type { RequestRow } from '../../store/rows.ts'
import type { Core } from '../core.ts'
import type { EventContext } from '../wire/router.ts'
import { assertHonoured } from './honour.ts'

type CompletionData = EventData<'completion:async'>
type Acknowledgement = EventReply<'completion:async'>

/** A request as it comes in. */
export interface Submission {
  event: 'completion:async' | 'completion:inject'
  priority: Priority
  data: CompletionData
  context: EventContext
}

/** It says which, not what: with it or without, the content is the same. */
const notContent = new Set(['request_id'])

/**
 * Takes a completion request into the journal, in the transaction of its event: acknowledged means committed.
 * @returns the acknowledgement (docs/wire.md, "Completion events")
 * @throws KsiError KSI_BAD_REQUEST, KSI_DUPLICATE_REQUEST, KSI_QUEUE_FULL, KSI_CONVERSATION_FULL,
 *   KSI_QUOTA_FULL, KSI_UNSUPPORTED_PARAMETER
 */
export function acceptRequest(core: Core, submission: Submission): Acknowledgement {
  const { data } = submission
  if (data.prompt === undefined && data.messages === undefined) {
    throw new KsiError('KSI_BAD_REQUEST', 'Missing required parameter: prompt (str), or messages (list)', {
      details: { available: ['prompt', 'messages'] },
    })
  }
  const digest = digestOf(data)
  const known = data.request_id === undefined ? undefined : core.requests.get(data.request_id)
  if (known !== undefined) return acknowledgeAgain(core, known, digest)
  assertRoom(core)
  return queue(core, submission, digest)
}

/** @throws KsiError KSI_QUEUE_FULL */
function assertRoom(core: Core): void {
  const queued = core.requests.total('queued')
  const limit = core.settings.KSI_MAX_QUEUED
  if (queued < limit) return
  throw new KsiError(
    'KSI_QUEUE_FULL',
    `The queue is full: ${queued} requests wait, the limit is ${limit} (KSI_MAX_QUEUED). This one was not taken; ` +
      'send it again later.',
  )
}

/** @throws KsiError KSI_CONVERSATION_FULL */
function assertRoomIn({ settings }: Core, conversation: string, queued: number): void {
  const limit = settings.KSI_MAX_QUEUED_CONVERSATION
  if (queued < limit) return
  throw new KsiError(
    'KSI_CONVERSATION_FULL',
    `${queued} requests wait in the conversation ${conversation}, which is as many as one may have ` +
      '(KSI_MAX_QUEUED_CONVERSATION). This one was not taken; send it again when some of them are done, or begin ' +
      'another conversation.',
  )
}

function queue(core: Core, { event, priority, data, context }: Submission, digest: string): Acknowledgement {
  const requestId = data.request_id ?? newId()
  const place = findPlace(core, data)
  const { conversation } = place
  const row = core.conversations.get(conversation)
  const model = data.model ?? row?.model ?? core.settings.KSI_DEFAULT_MODEL
  assertRoomIn(core, conversation, row?.queued ?? 0)
  assertHonoured(model, data, priority)
  const payload = JSON.stringify(data)
  core.quotas.take(payload.length)
  const session_id = data.session_id ?? null
  const agent_id = data.agent_id ?? null
  const about = { request_id: requestId, conversation, session_id: session_id ?? row?.session_id ?? null, agent_id }
  const tick = core.journal.emit('completion:queued', { ...about, priority, model }, requestId)
  core.requests.accept({
    request_id: requestId,
    conversation,
    session_id,
    newSession: place.newSession,
    agent_id,
    priority,
    event,
    model,
    on_restart: data.on_restart ?? core.settings.KSI_ON_RESTART,
    on_failure: data.on_failure ?? null,
    digest,
    client: JSON.stringify(clientOf(context)),
    now: Date.now(),
    tick,
    payload,
  })
  return {
    request_id: requestId,
    status: 'queued',
    message: priority === 'INJECT' ? 'HIGH PRIORITY: queued ahead of ASYNC requests' : 'Request queued',
    queued: true,
    queue_depth: (row?.queued ?? 0) + 1,
    session_active: row?.busy === 1,
    priority,
    conversation,
    session_id: row?.session_id ?? data.session_id ?? null,
  }
}

/** The same id again: the same content gets the request as it stands, other content is an error. */
function acknowledgeAgain(core: Core, known: RequestRow, digest: string): Acknowledgement {
  if (known.digest !== digest) {
    throw new KsiError(
      'KSI_DUPLICATE_REQUEST',
      `Request ${known.request_id} exists already with other content. Use a new request_id, or leave it out.`,
    )
  }
  const row = core.conversations.get(known.conversation)
  return {
    request_id: known.request_id,
    status: known.state,
    message: 'This request was accepted before; this is how it stands',
    queued: known.state === 'queued',
    duplicate: true,
    queue_depth: row?.queued ?? 0,
    session_active: row?.busy === 1,
    priority: known.priority,
    conversation: known.conversation,
    session_id: known.session_id ?? row?.session_id ?? null,
  }
}

/**
 * Explicit session → its conversation, or a new one under that id; else named conversation; else the agent's; else a
 * new one.
 */
function findPlace({ conversations }: Core, data: CompletionData): { conversation: string; newSession: boolean } {
  const agentId = data.agent_id ?? undefined
  const sessionId = data.session_id ?? undefined
  const known =
    sessionId !== undefined
      ? conversations.ofSession(sessionId)
      : (data.conversation_id ?? (agentId === undefined ? undefined : conversations.ofAgent(agentId)))
  return { conversation: known ?? sessionId ?? newId(), newSession: sessionId !== undefined && known === undefined }
}

/** Ids that grow with time: the indexes over them then grow at their end. */
function newId(): string {
  return randomUUIDv7()
}

function clientOf({ connection, clientId }: EventContext): ClientInfo | null {
  return (
    connection && {
      client_id: clientId,
      transport: connection.transport,
      connection: connection.id,
      connected_at: connection.connected_at,
    }
  )
}

function digestOf(data: CompletionData): string {
  const content = Object.entries(data).filter(([name, value]) => !notContent.has(name) && value !== undefined)
  return hash('sha1', canonical(Object.fromEntries(content)), 'base64')
}

/** JSON with the keys of every object in order, so that two spellings of one content are equal. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  )
}
