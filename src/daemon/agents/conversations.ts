import { readFile, stat } from 'node:fs/promises'
import type { EventData, EventReply } from '../../contracts/events.ts'
import type { ActiveConversation, ListedConversation } from '../../contracts/events/conversations.ts'
import { KsiError, systemCodeOf } from '../../lib/errors.ts'
import { iso } from '../../lib/time.ts'
import type { SessionRow } from '../../store/conversations.ts'
import { clientOf } from '../../store/rows.ts'
import { responseFilePath } from '../completion/response-file.ts'
import type { Core } from '../core.ts'
import { readMessages } from './response-reader.ts'
import { toMessage } from './said.ts'

/** Sessions are counted up to here. */
const counted = 10_000
/** Bytes of files that are looked into for one listing, and of one of them. */
const looked = { all: 33_554_432, each: 4_194_304 } as const

/** `conversation:list|get|active` (docs/ksi-clients.md). */
export function registerConversations(core: Core): void {
  const service = { service: 'conversations' }
  core.router.on('conversation:list', (data) => list(core, data), service)
  core.router.on('conversation:get', (data) => get(core, data), service)
  core.router.on('conversation:active', (data) => listActive(core, data), service)
}

async function list(core: Core, data: EventData<'conversation:list'>): Promise<EventReply<'conversation:list'>> {
  const { limit, offset, sort_by = 'last_timestamp', reverse } = data
  const span = { from: data.start_date ?? 0, to: data.end_date ?? Number.MAX_SAFE_INTEGER }
  const { conversations } = core
  const total = conversations.countSessions(span, counted)
  const found: ListedConversation[] = []
  let left: number = looked.all
  for (const session of conversations.newestSessions(span, limit, offset)) {
    const described = await describe(core, session, Math.min(left, looked.each))
    if (described.message_count !== null) left -= described.size_bytes
    found.push(described)
  }
  const byValue = (a: ListedConversation, b: ListedConversation): number => compare(a[sort_by], b[sort_by])
  found.sort((a, b) => (reverse ? byValue(b, a) : byValue(a, b)))
  return { conversations: found, total, offset, limit }
}

function compare(a: string | number | null, b: string | number | null): number {
  const [first, second] = [a ?? '', b ?? '']
  return first < second ? -1 : first > second ? 1 : 0
}

/** @param most a larger file is not looked into */
async function describe(core: Core, session: SessionRow, most: number): Promise<ListedConversation> {
  const { session_id, conversation } = session
  const path = responseFilePath(core.settings.paths.responses, session_id)
  const about = { session_id, conversation, file_path: path }
  const nothing = { first_timestamp: null, last_timestamp: null, participants: [], has_claude: false, has_user: false }
  try {
    const { size, mtimeMs } = await stat(path)
    const file = { ...about, size_bytes: size, modified_timestamp: iso(mtimeMs) }
    if (size > most) return { ...file, ...nothing, message_count: null }
    const text = await readFile(path, 'utf8')
    const lines = text.slice(0, text.lastIndexOf('\n')).split('\n')
    const ends = [toMessage(lines[0] ?? ''), toMessage(lines.at(-1) ?? '')].filter((one) => one !== undefined)
    const times = ends.map(({ timestamp }) => timestamp).sort()
    return {
      ...file,
      message_count: text === '' ? 0 : lines.length,
      first_timestamp: times[0] ?? null,
      last_timestamp: times.at(-1) ?? null,
      participants: [...new Set(ends.map(({ sender }) => sender))],
      has_claude: ends.some(({ type }) => type === 'claude'),
      has_user: ends.some(({ type }) => type === 'user'),
    }
  } catch (error) {
    if (systemCodeOf(error) !== 'ENOENT') throw error
    return { ...about, ...nothing, size_bytes: 0, modified_timestamp: null, message_count: 0 }
  }
}

/** @throws KsiError KSI_NOT_FOUND */
async function get(core: Core, data: EventData<'conversation:get'>): Promise<EventReply<'conversation:get'>> {
  const { session_id, limit, offset, from } = data
  const path = responseFilePath(core.settings.paths.responses, session_id)
  const conversation = core.conversations.ofSession(session_id) ?? null
  const found = await readMessages(path, { from, skip: offset, limit })
  if (found === undefined && conversation === null)
    throw new KsiError('KSI_NOT_FOUND', `Conversation not found: ${session_id}`)
  return { session_id, conversation, offset, limit, ...(found ?? { messages: [], total: 0, next: null }) }
}

function listActive(core: Core, data: EventData<'conversation:active'>): EventReply<'conversation:active'> {
  const since = Date.now() - data.max_age_hours * 3_600_000
  const newest = core.conversations.lastUsed(data.max_lines)
  const sessions: ActiveConversation[] = []
  for (const { conversation, newest: requestId, count } of newest) {
    const row = core.conversations.get(conversation)
    const request = core.requests.get(requestId)
    if (row === undefined || request === undefined || row.last_used_at < since) continue
    sessions.push({
      session_id: row.session_id,
      conversation,
      agent_id: row.agent_id,
      client_id: clientOf(request)?.client_id ?? null,
      last_activity: iso(row.last_used_at),
      message_count: count,
      model: row.model,
      queue_size: row.queued,
      running: row.running,
    })
  }
  const scanned = newest.reduce((sum, { count }) => sum + count, 0)
  return { active_sessions: sessions, total_active: sessions.length, scanned_lines: scanned }
}
