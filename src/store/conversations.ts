import type { Lanes } from './lanes.ts'
import type { ConversationRow } from './rows.ts'
import { runningColumn } from './rows.ts'
import type { Sql } from './sql.ts'

/** Conversations woken at a time. */
const wokenAtOnce = 256

/** How many conversations have something queued: those that may go on, those that wait, those that are busy. */
export const countWithQueue = `SELECT
  (SELECT count(*) FROM conversations INDEXED BY conversations_ready
    WHERE head_tick IS NOT NULL AND busy = 0 AND not_before IS NULL) +
  (SELECT count(*) FROM conversations INDEXED BY conversations_waiting WHERE not_before IS NOT NULL AND busy = 0) +
  (SELECT count(*) FROM runs u INDEXED BY runs_unfinished JOIN conversations c USING (conversation)
    WHERE u.ended_at IS NULL AND c.head_tick IS NOT NULL)`

/** A session: where it belongs, and when it began (epoch ms). */
export interface SessionRow {
  session_id: string
  conversation: string
  at: number
}

/**
 * The time of a new session, of the time it is and its conversation: those of a conversation stand in the order in
 * which they began, whatever the clock is set to.
 */
export const afterOthers = 'max(?, coalesce((SELECT max(at) + 1 FROM sessions WHERE conversation = ?), 0))'

/** Which session belongs where, and which conversation may start its next request. */
export class Conversations {
  readonly #sql: Sql
  readonly #lanes: Lanes

  constructor(sql: Sql, lanes: Lanes) {
    this.#sql = sql
    this.#lanes = lanes
  }

  get(conversation: string): ConversationRow | undefined {
    return this.#sql.one(`SELECT *, ${runningColumn} FROM conversations c WHERE conversation = ?`, conversation)
  }

  ofSession(sessionId: string): string | undefined {
    return this.#sql.value('SELECT conversation FROM sessions WHERE session_id = ?', sessionId)
  }

  ofAgent(agentId: string): string | undefined {
    return this.#sql.value('SELECT conversation FROM agents WHERE agent_id = ?', agentId)
  }

  /** A provider handed out `sessionId` in this conversation: the next request goes on from there. */
  setNewestSession(conversation: string, session: { id: string; provider: string; now: number }): void {
    const { id: sessionId, provider, now } = session
    this.#sql.run(
      `INSERT INTO sessions (session_id, conversation, at, provider) VALUES (?, ?, ${afterOthers}, ?)
       ON CONFLICT (session_id) DO UPDATE SET provider = excluded.provider
         WHERE provider IS NULL OR provider <> excluded.provider`,
      sessionId,
      conversation,
      now,
      conversation,
      provider,
    )
    this.#noteSession(conversation, sessionId)
    this.#sql.run(
      'UPDATE conversations SET session_id = ?, last_used_at = ? WHERE conversation = ?',
      sessionId,
      now,
      conversation,
    )
  }

  /** The provider that handed this session out; undefined when only a client has named it. */
  providerOf(sessionId: string): string | undefined {
    return this.#sql.value<string | null>('SELECT provider FROM sessions WHERE session_id = ?', sessionId) ?? undefined
  }

  /** The newest sessions of a conversation, oldest first. */
  sessionsOf(conversation: string, limit: number): string[] {
    const newest = this.#sql.values<string>(
      'SELECT session_id FROM sessions WHERE conversation = ? ORDER BY at DESC LIMIT ?',
      conversation,
      limit,
    )
    return newest.toReversed()
  }

  /** Sessions of all conversations, those that began last first. @param span when they began, epoch ms */
  newestSessions(span: { from: number; to: number }, limit: number, offset: number): SessionRow[] {
    return this.#sql.all(
      `SELECT session_id, conversation, at FROM sessions INDEXED BY sessions_by_time WHERE at BETWEEN ? AND ?
       ORDER BY at DESC LIMIT ? OFFSET ?`,
      span.from,
      span.to,
      limit,
      offset,
    )
  }

  /** The conversations of the newest requests, and how many of these each has; the one that was used last first. */
  lastUsed(requests: number): { conversation: string; newest: string; count: number }[] {
    return this.#sql.all(
      `SELECT conversation, request_id AS newest, max(id) AS last, count(*) AS count
       FROM (SELECT id, request_id, conversation FROM requests ORDER BY id DESC LIMIT ?)
       GROUP BY conversation ORDER BY last DESC`,
      requests,
    )
  }

  /** How many sessions there are, counted up to `limit`. */
  countSessions(span: { from: number; to: number }, limit: number): number {
    const counted = 'SELECT 1 FROM sessions INDEXED BY sessions_by_time WHERE at BETWEEN ? AND ? LIMIT ?'
    return this.#sql.value(`SELECT count(*) FROM (${counted})`, span.from, span.to, limit) ?? 0
  }

  /** Its provider does not know the conversation's session any more: the next request begins a new one. */
  forgetSession(conversation: string): void {
    this.#noteSession(conversation, null)
    this.#sql.run('UPDATE conversations SET session_id = NULL WHERE conversation = ?', conversation)
  }

  /** Its session is about to change: the checkpoints that were taken since it last did show the one before. */
  #noteSession(conversation: string, next: string | null): void {
    this.#sql.run(
      `INSERT OR IGNORE INTO earlier_sessions (conversation, until, session_id)
       SELECT conversation, (SELECT coalesce(max(seq), 0) + 1 FROM events), session_id FROM conversations c
       WHERE conversation = ? AND session_id IS NOT ? AND (SELECT tick FROM checkpoints ORDER BY id DESC LIMIT 1) >=
         coalesce((SELECT max(until) FROM earlier_sessions e WHERE e.conversation = c.conversation), 0)`,
      conversation,
      next,
    )
  }

  /** Lets those go on that have waited for their next try long enough. Call within a transaction. */
  wakeDue(now: number): void {
    const due = this.#sql.values<string>(
      `SELECT conversation FROM conversations INDEXED BY conversations_waiting
       WHERE not_before IS NOT NULL AND busy = 0 AND not_before <= ? ORDER BY not_before LIMIT ?`,
      now,
      wokenAtOnce,
    )
    for (const name of due) this.#sql.run('UPDATE conversations SET not_before = NULL WHERE conversation = ?', name)
  }

  /**
   * Conversations that may start their next request, in the order those were accepted.
   * @param room how many more a lane takes
   */
  runnable(limit: number, room: (lane: string | null) => number = () => limit): string[] {
    return [null, ...this.#lanes.ready()]
      .flatMap((lane) => {
        const most = Math.min(limit, room(lane))
        return most > 0 ? this.#lanes.first(lane, most) : []
      })
      .sort((one, other) => one.head_tick - other.head_tick)
      .slice(0, limit)
      .map(({ conversation }) => conversation)
  }

  /** When (epoch ms) the earliest conversation that waits for another try may go on. */
  nextTryAt(): number | undefined {
    return this.#sql.value(
      `SELECT not_before FROM conversations INDEXED BY conversations_waiting
       WHERE not_before IS NOT NULL AND busy = 0 ORDER BY not_before LIMIT 1`,
    )
  }

  /** How many conversations have something queued. */
  countQueued(): number {
    return this.#sql.value(countWithQueue) ?? 0
  }
}
