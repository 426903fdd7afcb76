import { isObject, parseObject } from '../lib/ndjson.ts'
import type { Sql } from './sql.ts'

/** Content, or an outcome, whose request's row is gone, with the event that told of its acceptance. */
interface Orphan {
  id: number
  data: string | null
  event: string | null
  at: number | null
}

const text = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null)

/**
 * Makes the rows of requests again that could not be read: the event of its acceptance says whose a request was, its
 * content what it was to do; both carry the tick of its acceptance. Whether it has ended, outcome and events say.
 */
export function rebuildRequests(sql: Sql): void {
  const orphans = sql.all<Orphan>(
    `SELECT o.id, p.data, e.data AS event, e.at FROM
       (SELECT request AS id FROM payloads UNION SELECT request FROM outcomes UNION SELECT request FROM runs) o
     LEFT JOIN payloads p ON p.request = o.id
     LEFT JOIN events e ON e.seq = o.id AND e.name = 'completion:queued'
     WHERE o.id NOT IN (SELECT id FROM requests) ORDER BY o.id`,
  )
  for (const orphan of orphans) rebuild(sql, orphan)
}

function rebuild(sql: Sql, { id, data, event, at }: Orphan): void {
  const about = parseObject(event ?? '') ?? {}
  const content = parseObject(data ?? '') ?? {}
  const requestId = text(about['request_id']) ?? text(content['request_id'])
  // Nobody could ask for it, and what came of it would reach nobody.
  if (requestId === null) return
  const run = sql.one<{ conversation: string; started_at: number }>(
    'SELECT conversation, started_at FROM runs WHERE request = ? ORDER BY id DESC LIMIT 1',
    id,
  )
  const session = text(content['session_id'])
  const conversation =
    text(about['conversation']) ?? run?.conversation ?? conversationOf(sql, session) ?? text(content['conversation_id'])
  const priority = about['priority'] === 'INJECT' ? 'INJECT' : 'ASYNC'
  const end = endOf(sql, id, requestId)
  sql.run(
    `INSERT OR IGNORE INTO requests (id, request_id, conversation, session_id, agent_id, priority, rank, state, event,
       model, on_restart, digest, queued_at, finished_at, finished_tick, attempts)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '', ?, ?, ?, ?)`,
    id,
    requestId,
    conversation ?? session ?? `salvaged-${id}`,
    session,
    text(about['agent_id']) ?? text(content['agent_id']),
    priority,
    priority === 'INJECT' ? 1 : 2,
    end?.state ?? (isUnderWay(sql, id) ? 'processing' : 'queued'),
    priority === 'INJECT' ? 'completion:inject' : 'completion:async',
    text(about['model']) ?? text(content['model']) ?? 'echo/echo',
    content['on_restart'] === 'requeue' ? 'requeue' : 'fail',
    at ?? run?.started_at ?? 0,
    end?.at ?? null,
    end?.seq ?? null,
    sql.value<number>('SELECT count(*) FROM runs WHERE request = ?', id) ?? 0,
  )
}

function conversationOf(sql: Sql, session: string | null): string | null {
  return session === null
    ? null
    : (sql.value<string>('SELECT conversation FROM sessions WHERE session_id = ?', session) ?? null)
}

function isUnderWay(sql: Sql, id: number): boolean {
  return sql.value('SELECT 1 FROM runs WHERE request = ? AND ended_at IS NULL', id) !== undefined
}

const states: Record<string, string> = {
  'completion:result': 'completed',
  'completion:failed': 'failed',
  'completion:cancelled': 'cancelled',
}

/** How a request ended, by the event that told of it. */
export interface KnownEnd {
  state: string
  seq: number
  at: number
  outcome: string
}

/** Gathers the ends that were told, to be found by their request. */
export function gatherEnds(sql: Sql): void {
  sql.run('DROP TABLE IF EXISTS temp.ends')
  sql.run(`CREATE TEMP TABLE ends AS SELECT request_id, max(seq) AS seq FROM events
    WHERE name IN (${Object.keys(states)
      .map((name) => `'${name}'`)
      .join(', ')}) GROUP BY request_id`)
  sql.run('CREATE INDEX temp.ends_of ON ends (request_id)')
}

/** An id may have been used for another request before: its end came before this one's acceptance. */
export function endOf(sql: Sql, id: number, requestId: string): KnownEnd | undefined {
  const told = sql.one<{ name: string; seq: number; at: number; data: string }>(
    'SELECT name, seq, at, data FROM events WHERE seq = (SELECT seq FROM ends WHERE request_id = ?) AND seq > ?',
    requestId,
    id,
  )
  const state = told === undefined ? undefined : states[told.name]
  if (told === undefined || state === undefined) return undefined
  const { result, reason, message } = parseObject(told.data) ?? {}
  const why = {
    reason: text(reason) ?? (state === 'cancelled' ? state : undefined),
    message: text(message) ?? undefined,
  }
  return { state, seq: told.seq, at: told.at, outcome: JSON.stringify(isObject(result) ? { result } : why) }
}
