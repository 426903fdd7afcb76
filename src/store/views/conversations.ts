import type { ListedConversation } from '../../contracts/listed.ts'
import { iso, isoOrNull } from '../../lib/time.ts'
import type { ConversationRow } from '../rows.ts'
import { runningColumn } from '../rows.ts'
import type { Sql } from '../sql.ts'
import type { Page } from './requests.ts'
import { searching } from './search.ts'

export interface ConversationQuery {
  /** part of the name of the conversation, of its session or agent */
  q?: string | undefined
  /** only those whose newest request was accepted before this tick */
  before?: number | undefined
  limit: number
}

/** More are not counted. */
const counted = 10_000

/** Conversations as the page and the API show them. */
export class ConversationViews {
  readonly #sql: Sql

  constructor(sql: Sql) {
    this.#sql = sql
  }

  /** Those whose newest request fits the query, the one asked last first. */
  list({ q, before = Number.MAX_SAFE_INTEGER, limit }: ConversationQuery): Page<ListedConversation> {
    const named = q === undefined ? '1' : `instr(lower(q.conversation || ' ' || ${names}), @q) > 0`
    const rows = this.#sql.iterate<{ id: number; fits: number }>(
      `SELECT q.id, ${named} AND q.id = (SELECT max(id) FROM requests INDEXED BY requests_of_conversation
         WHERE conversation = q.conversation) AS fits
       FROM requests q WHERE q.id < @before ORDER BY q.id DESC`,
      { before, q: q?.toLowerCase() ?? '' },
    )
    const { ids, ...page } = searching(rows, limit)
    return { ...page, found: ids.map((id) => this.#ofRequest(id)).filter((row) => row !== undefined) }
  }

  /** A conversation by its name. */
  get(conversation: string): ListedConversation | undefined {
    const row = this.#sql.one<ConversationRow>(
      `SELECT *, ${runningColumn} FROM conversations c WHERE conversation = ?`,
      conversation,
    )
    return row === undefined ? undefined : this.#listed(row)
  }

  /** How many there are; above 10,000 only that they are more. */
  count(): { conversations: number; more: boolean } {
    const found =
      this.#sql.value<number>('SELECT count(*) FROM (SELECT 1 FROM conversations LIMIT ?)', counted + 1) ?? 0
    return { conversations: Math.min(found, counted), more: found > counted }
  }

  #ofRequest(id: number): ListedConversation | undefined {
    const row = this.#sql.one<ConversationRow>(
      `SELECT *, ${runningColumn} FROM conversations c
       WHERE conversation = (SELECT conversation FROM requests WHERE id = ?)`,
      id,
    )
    return row === undefined ? undefined : this.#listed(row)
  }

  #listed(row: ConversationRow): ListedConversation {
    const requests = this.#sql.value<number>(
      'SELECT count(*) FROM (SELECT 1 FROM requests WHERE conversation = ? LIMIT ?)',
      row.conversation,
      counted,
    )
    return {
      conversation: row.conversation,
      session_id: row.session_id,
      agent_id: row.agent_id,
      model: row.model,
      queued: row.queued,
      running: row.running,
      not_before: isoOrNull(row.not_before),
      last_used_at: iso(row.last_used_at),
      requests: requests ?? 0,
    }
  }
}

const names = "coalesce(q.session_id, '') || ' ' || coalesce(q.agent_id, '')"
