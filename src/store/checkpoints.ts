import type { CheckpointContent, CheckpointSummary } from '../contracts/checkpoint.ts'
import { iso, isoOrNull } from '../lib/time.ts'
import type { CheckpointReason } from '../contracts/words.ts'
import { countWithQueue } from './conversations.ts'
import { cutAt } from './cut.ts'
import type { Shown } from './cut.ts'
import { moduleFailures } from './module-states.ts'
import type { ModuleFailure, ModuleState, ModuleStates } from './module-states.ts'
import type { RequestRow } from './rows.ts'
import { clientOf, requestColumns } from './rows.ts'
import type { Sql } from './sql.ts'
import { readStored } from './stored.ts'

interface CheckpointRow {
  id: number
  tick: number
  at: number
  reason: CheckpointReason
  generation: number
  queued: number
  sessions: number
  active: string
  files: string
  restored_at: number | null
  restored_by: number | null
}

/** A request that was processing at a checkpoint. Older checkpoints have but its id. */
type ActiveThen = CheckpointContent['active_operations'][string] & { request_id: string }

const kept = 500

/** A cut about to be taken. */
export interface NewCheckpoint {
  tick: number
  /** epoch ms */
  at: number
  reason: CheckpointReason
  generation: number
  files: string[]
  /** what the modules give to it */
  states: (ModuleState | ModuleFailure)[]
}

/**
 * Checkpoints: one row each. Their queues are never copied, since every request carries the ticks of its transitions;
 * what was running, which is not much, is. What a checkpoint shows never changes. Write within `journal.tx`.
 */
export class Checkpoints {
  readonly #sql: Sql
  readonly #states: ModuleStates

  constructor(sql: Sql, states: ModuleStates) {
    this.#sql = sql
    this.#states = states
  }

  /** Writes a checkpoint. @returns its number and what it counted */
  insert(cut: NewCheckpoint): { id: number; queued: number; sessions: number; active: number } {
    const active = this.#activeNow()
    const queued = this.#sql.value<number>("SELECT n FROM totals WHERE state = 'queued'") ?? 0
    const sessions = this.#sql.value<number>(countWithQueue) ?? 0
    const { tick, at, reason, generation, files } = cut
    const id =
      this.#sql.value<number>(
        `INSERT INTO checkpoints (tick, at, reason, generation, queued, sessions, active, files)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING id`,
        tick,
        at,
        reason,
        generation,
        queued,
        sessions,
        JSON.stringify(active),
        JSON.stringify(files),
      ) ?? 0
    for (const state of cut.states) this.#states.put(id, state)
    this.#sql.run('DELETE FROM checkpoints WHERE id <= ?', id - kept)
    // The newest state of a module stays, however old its checkpoint is.
    this.#sql.run(
      `DELETE FROM module_states WHERE checkpoint <= ?
       AND checkpoint < (SELECT max(checkpoint) FROM module_states n WHERE n.module = module_states.module
         AND n.state IS NOT NULL)`,
      id - kept,
    )
    return { id, queued, sessions, active: active.length }
  }

  /** Marks the newest checkpoint as restored, once. @returns its number, or undefined when there is none to restore */
  markRestored(by: { generation: number; at: number }): number | undefined {
    return this.#sql.value<number>(
      `UPDATE checkpoints SET restored_at = ?, restored_by = ?
       WHERE id = (SELECT max(id) FROM checkpoints) AND restored_at IS NULL RETURNING id`,
      by.at,
      by.generation,
    )
  }

  /** The newest, newest first. */
  list(limit: number): CheckpointSummary[] {
    return checkpoints(this.#sql, limit)
  }

  /** A checkpoint without its queues; the newest when no number is given. */
  head(id?: number): Omit<CheckpointContent, 'session_queues' | 'truncated' | 'next'> | undefined {
    const row = this.#find(id)
    if (row === undefined) return undefined
    const active = readStored<(ActiveThen | string)[], (ActiveThen | string)[]>(row.active, [])
    return {
      ...toSummary(row, moduleFailures(this.#sql)),
      active_operations: Object.fromEntries(active.map((one) => this.#operation(one, row.tick))),
      services: Object.fromEntries(this.#states.of(row.id).map(({ module, state }) => [module, state])),
    }
  }

  /** What was queued or processing at the tick of a checkpoint, oldest first, in pages of a few ms each. */
  cut(tick: number, after?: number): Generator<Shown[], void> {
    return cutAt(this.#sql, tick, after)
  }

  #find(id?: number): CheckpointRow | undefined {
    return id === undefined
      ? this.#sql.one('SELECT * FROM checkpoints ORDER BY id DESC LIMIT 1')
      : this.#sql.one('SELECT * FROM checkpoints WHERE id = ?', id)
  }

  #activeNow(): ActiveThen[] {
    const rows = this.#sql.all<RequestRow>(
      `SELECT ${requestColumns} FROM runs u INDEXED BY runs_unfinished JOIN requests q ON q.id = u.request
       WHERE u.ended_at IS NULL AND q.state = 'processing'`,
    )
    return rows.map((row) => ({ request_id: row.request_id, ...toOperation(row) }))
  }

  #operation(one: ActiveThen | string, tick: number): [string, CheckpointContent['active_operations'][string]] {
    if (typeof one !== 'string') {
      const { request_id, ...operation } = one
      return [request_id, operation]
    }
    const request = this.#sql.one<RequestRow>(
      `SELECT ${requestColumns} FROM requests q LEFT JOIN runs u
         ON u.id = (SELECT max(id) FROM runs WHERE request = q.id AND id <= ?) WHERE q.request_id = ?`,
      tick,
      one,
    )
    return [one, toOperation(request)]
  }
}

function toOperation(row: RequestRow | undefined): CheckpointContent['active_operations'][string] {
  return {
    status: 'processing',
    session_id: row?.session_id ?? null,
    conversation: row?.conversation ?? '',
    started_at: isoOrNull(row?.started_at ?? null),
    client_info: row === undefined ? null : clientOf(row),
  }
}

/** The newest checkpoints up to number `last`, newest first, by any connection. */
export function checkpoints(sql: Sql, limit: number, last = Number.MAX_SAFE_INTEGER): CheckpointSummary[] {
  const failures = moduleFailures(sql)
  const rows = sql.all<CheckpointRow>('SELECT * FROM checkpoints WHERE id <= ? ORDER BY id DESC LIMIT ?', last, limit)
  return rows.map((row) => toSummary(row, failures))
}

function toSummary(row: CheckpointRow, failures: ReturnType<typeof moduleFailures>): CheckpointSummary {
  return {
    id: row.id,
    tick: row.tick,
    at: iso(row.at),
    reason: row.reason,
    generation: row.generation,
    queued: row.queued,
    active: readStored<unknown[], unknown[]>(row.active, []).length,
    sessions: row.sessions,
    files: readStored<string[], string[]>(row.files, []),
    restored_at: isoOrNull(row.restored_at),
    restored_by: row.restored_by,
    module_failures: (failures.get(row.id) ?? []).map(({ module, error }) => ({ module, error })),
  }
}
