import { readStored } from './stored.ts'
import type { Sql } from './sql.ts'

/** An agent: what it said of itself, and the conversation it is in. */
export interface AgentRow {
  agent_id: string
  info: Record<string, unknown>
  /** epoch ms; null for one that never registered */
  registered_at: number | null
  conversation: string | null
  session_id: string | null
  model: string | null
  queued: number
  busy: boolean
  /** epoch ms */
  last_used_at: number | null
}

type Stored = Omit<AgentRow, 'info' | 'busy'> & { info: string | null; busy: number }

const columns = `n.agent_id, r.info, r.at AS registered_at, a.conversation, c.session_id, c.model,
  coalesce(c.queued, 0) AS queued, coalesce(c.busy, 0) AS busy, c.last_used_at`
const joined = `LEFT JOIN registered_agents r ON r.agent_id = n.agent_id
  LEFT JOIN agents a ON a.agent_id = n.agent_id LEFT JOIN conversations c ON c.conversation = a.conversation`
/** Each half is read by its own index as far as it is needed. */
const names = `SELECT agent_id FROM (SELECT agent_id FROM agents WHERE agent_id > @after ORDER BY agent_id LIMIT @limit)
  UNION SELECT agent_id FROM
    (SELECT agent_id FROM registered_agents WHERE agent_id > @after ORDER BY agent_id LIMIT @limit)
  ORDER BY agent_id LIMIT @limit`

/** The agents that registered, or sent a request. Write within `journal.tx`. */
export class Agents {
  readonly #sql: Sql

  constructor(sql: Sql) {
    this.#sql = sql
  }

  /** @param info JSON */
  register(agentId: string, info: string, now: number): void {
    this.#sql.run(
      `INSERT INTO registered_agents (agent_id, info, at) VALUES (?, ?, ?)
       ON CONFLICT (agent_id) DO UPDATE SET info = excluded.info`,
      agentId,
      info,
      now,
    )
  }

  unregister(agentId: string): void {
    this.#sql.run('DELETE FROM registered_agents WHERE agent_id = ?', agentId)
    this.leaveConversation(agentId)
  }

  /** Its next request begins a new conversation. */
  leaveConversation(agentId: string): void {
    this.#sql.run('DELETE FROM agents WHERE agent_id = ?', agentId)
  }

  get(agentId: string): AgentRow | undefined {
    const row = this.#sql.one<Stored>(
      `SELECT ${columns} FROM (SELECT ? AS agent_id) n ${joined}
       WHERE r.agent_id IS NOT NULL OR a.agent_id IS NOT NULL`,
      agentId,
    )
    return row && toRow(row)
  }

  /** Those after a name, in order of names. */
  list(after: string, limit: number): AgentRow[] {
    return this.#sql
      .all<Stored>(`SELECT ${columns} FROM (${names}) n ${joined} ORDER BY n.agent_id`, { after, limit })
      .map(toRow)
  }
}

function toRow({ info, busy, ...row }: Stored): AgentRow {
  return { ...row, info: readStored<Record<string, unknown>, Record<string, unknown>>(info, {}), busy: busy === 1 }
}
