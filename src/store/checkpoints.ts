import type { CheckpointContent, CheckpointSummary } from '../contracts/checkpoint.ts'
import { iso, isoOrNull } from '../lib/time.ts'
import type { CheckpointReason } from '../contracts/words.ts'
import { countWithQueue } from './conversations.ts'
import { moduleFailures } from './module-states.ts'
import type { ModuleFailure, ModuleState, ModuleStates } from './module-states.ts'
import type { RequestRow } from './rows.ts'
import { clientOf, requestsWithRun } from './rows.ts'
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

interface QueuedThen {
  request_id: string
  session: string
  data: string
}

/** Bytes of request data a shown checkpoint carries at most: a reply must stay under the clients' 10 MiB a line. */
const shownBytes = 8 * 1024 * 1024
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
 * Checkpoints: one row each. Their queues and active operations are never copied, since every request carries the
 * ticks of its transitions. Write within `journal.tx`.
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
    const active = this.#sql.values<string>(
      `SELECT q.request_id FROM runs u INDEXED BY runs_unfinished JOIN requests q ON q.id = u.request
       WHERE u.ended_at IS NULL AND q.state = 'processing'`,
    )
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

  /** A checkpoint with its queues and active operations as they were then; the newest when no number is given. */
  show(id?: number): (CheckpointContent & { truncated: boolean }) | undefined {
    const row = this.#find(id)
    if (row === undefined) return undefined
    const active = new Set(readStored<string[], string[]>(row.active, []))
    const content: CheckpointContent & { truncated: boolean } = {
      ...toSummary(row, moduleFailures(this.#sql)),
      session_queues: {},
      active_operations: {},
      services: Object.fromEntries(this.#states.of(row.id).map(({ module, state }) => [module, state])),
      truncated: false,
    }
    for (const requestId of active) content.active_operations[requestId] = this.#operation(requestId)
    let bytes = 0
    for (const entry of this.#queuedAt(row.tick)) {
      if (active.has(entry.request_id)) continue
      bytes += entry.data.length
      if (bytes > shownBytes) {
        content.truncated = true
        break
      }
      const queue = (content.session_queues[entry.session] ??= [])
      const data = readStored<Record<string, unknown>, Record<string, unknown>>(entry.data, {})
      queue.push({ request_id: entry.request_id, status: 'queued', data })
    }
    return content
  }

  /** The ids that were queued and those that were processing at a checkpoint. */
  ids(id: number): { queued: Set<string>; active: Set<string> } | undefined {
    const row = this.#find(id)
    if (row === undefined) return undefined
    const active = new Set(readStored<string[], string[]>(row.active, []))
    const queued = new Set<string>()
    for (const entry of this.#queuedAt(row.tick)) if (!active.has(entry.request_id)) queued.add(entry.request_id)
    return { queued, active }
  }

  #find(id?: number): CheckpointRow | undefined {
    return id === undefined
      ? this.#sql.one('SELECT * FROM checkpoints ORDER BY id DESC LIMIT 1')
      : this.#sql.one('SELECT * FROM checkpoints WHERE id = ?', id)
  }

  #operation(requestId: string): CheckpointContent['active_operations'][string] {
    const request = this.#sql.one<RequestRow>(`${requestsWithRun} WHERE q.request_id = ?`, requestId)
    return {
      status: 'processing',
      session_id: request?.session_id ?? null,
      conversation: request?.conversation ?? '',
      started_at: isoOrNull(request?.started_at ?? null),
      client_info: request === undefined ? null : clientOf(request),
    }
  }

  /** What was accepted and not finished at a tick, in queue order. */
  #queuedAt(tick: number): IterableIterator<QueuedThen> {
    return this.#sql.iterate(
      `SELECT r.request_id, coalesce(c.session_id, r.conversation) AS session, p.data
       FROM requests r JOIN payloads p ON p.request = r.id LEFT JOIN conversations c USING (conversation)
       WHERE r.id <= @tick AND (r.finished_tick IS NULL OR r.finished_tick > @tick)
       ORDER BY r.rank, r.id`,
      { tick },
    )
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
    active: readStored<string[], string[]>(row.active, []).length,
    sessions: row.sessions,
    files: readStored<string[], string[]>(row.files, []),
    restored_at: isoOrNull(row.restored_at),
    restored_by: row.restored_by,
    module_failures: (failures.get(row.id) ?? []).map(({ module, error }) => ({ module, error })),
  }
}
