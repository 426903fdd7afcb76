import type { RequestRow } from './rows.ts'
import type { Sql } from './sql.ts'
import type { StoredOutcome } from './stored.ts'
import { outcomeLost, readStored } from './stored.ts'

/** A finished request that is in no list any more, as a checkpoint needs it. */
export type RemovedRow = Pick<
  RequestRow,
  'id' | 'request_id' | 'conversation' | 'session_id' | 'priority' | 'state' | 'event' | 'finished_tick'
> & { data: string; outcome: string }

const columns = `id, request_id, conversation, session_id, agent_id, priority, state, event, model, on_restart, digest,
  client, queued_at, finished_at, finished_tick`

/** Finished requests out of everybody's sight, as long as a checkpoint shows them. Call within `journal.tx`. */
export class Removed {
  readonly #sql: Sql

  constructor(sql: Sql) {
    this.#sql = sql
  }

  /**
   * Takes finished requests out of the journal, with all that belongs to them; what a checkpoint shows of them is kept.
   */
  take(ids: readonly number[]): void {
    if (ids.length === 0) return
    const ticks = this.#sql.values<number>('SELECT tick FROM checkpoints')
    for (const id of ids) {
      const finished = this.#sql.value<number>('SELECT finished_tick FROM requests WHERE id = ?', id) ?? 0
      if (ticks.some((tick) => tick >= id && tick < finished)) this.#keep(id)
      this.#sql.run('DELETE FROM requests WHERE id = ?', id)
      this.#sql.run('DELETE FROM payloads WHERE request = ?', id)
      this.#sql.run('DELETE FROM outcomes WHERE request = ?', id)
      this.#sql.run('DELETE FROM runs WHERE request = ?', id)
    }
  }

  get(id: number): RemovedRow | undefined {
    return this.#sql.one('SELECT * FROM removed WHERE id = ?', id)
  }

  outcome({ outcome }: Pick<RemovedRow, 'outcome'>): StoredOutcome {
    return readStored<StoredOutcome, StoredOutcome>(outcome, { message: outcomeLost })
  }

  /** Puts one back as the finished request it was. */
  bringBack(id: number): void {
    this.#sql.run(
      `INSERT INTO requests (rank, ${columns}, attempts)
       SELECT CASE priority WHEN 'INJECT' THEN 1 ELSE 2 END, ${columns}, first_run IS NOT NULL
       FROM removed WHERE id = ?`,
      id,
    )
    this.#sql.run('INSERT INTO payloads (request, data) SELECT id, data FROM removed WHERE id = ?', id)
    this.#sql.run('INSERT INTO outcomes (request, outcome) SELECT id, outcome FROM removed WHERE id = ?', id)
    this.#sql.run(
      `INSERT INTO runs (id, run_id, request, conversation, attempt, started_at, ended_at, end)
       SELECT first_run, '', id, conversation, 1, queued_at, finished_at, state FROM removed
       WHERE id = ? AND first_run IS NOT NULL`,
      id,
    )
    // It counts as one that was accepted and has ended: the totals have it already.
    this.#sql.run('UPDATE totals SET n = n - 1 WHERE state = (SELECT state FROM removed WHERE id = ?)', id)
    this.#sql.run(
      `INSERT INTO conversations (conversation, session_id, agent_id, model, last_used_at)
       SELECT conversation, session_id, agent_id, model, finished_at FROM removed WHERE id = ?
       ON CONFLICT DO NOTHING`,
      id,
    )
    this.#sql.run('DELETE FROM removed WHERE id = ?', id)
  }

  /** Forgets at most `slice` of what no checkpoint shows any more. @returns how many */
  trim(slice: number): number {
    const oldest = '(SELECT tick FROM checkpoints ORDER BY id LIMIT 1)'
    const requests = this.#sql.run(
      `DELETE FROM removed WHERE id IN (SELECT id FROM removed WHERE finished_tick <= ${oldest}
       ORDER BY finished_tick LIMIT ?)`,
      slice,
    )
    const sessions = this.#sql.run(
      `DELETE FROM earlier_sessions WHERE (conversation, until) IN (SELECT conversation, until FROM earlier_sessions
       WHERE until <= ${oldest} ORDER BY until LIMIT ?)`,
      slice,
    )
    return Math.max(requests, sessions)
  }

  #keep(id: number): void {
    this.#sql.run(
      `INSERT OR REPLACE INTO removed (${columns}, first_run, data, outcome)
       SELECT ${columns}, (SELECT min(id) FROM runs WHERE request = q.id),
         coalesce((SELECT data FROM payloads WHERE request = q.id), '{}'),
         coalesce((SELECT outcome FROM outcomes WHERE request = q.id), '{}')
       FROM requests q WHERE id = ?`,
      id,
    )
  }
}
