import type { FinalState } from '../contracts/words.ts'
import { headOfQueue } from './lanes.ts'
import type { RequestRow } from './rows.ts'
import { requestColumns } from './rows.ts'
import type { Sql } from './sql.ts'
import { TokenUsage } from './usage.ts'

/** How a run ended: with its request, or so that its request is queued again, or without anything of it known. */
export type RunEnd = FinalState | 'again' | 'lost' | 'never began' | 'limited'

/** A run about to begin. Times are epoch ms. */
export interface NewRun {
  /** the tick of its start */
  tick: number
  run_id: string
  runner_id: string | null
  epoch: number
  now: number
  deadline: number | null
  resumed_from: string | null
}

/** One of a request's runs; its attempt is its number among them, from 1. */
export interface RequestRun {
  run_id: string
  runner_id: string | null
  attempt: number
}

/** A run that has not ended, with its request: that one may be cancelled already. */
export type UnfinishedRun = RequestRow & { run: number }

/**
 * Who runs, and who ran. The unfinished runs are the one place that says what is running: a conversation is busy as
 * long as it has one. Call within `journal.tx`; each verb keeps request, conversation and counts in step.
 */
export class Runs {
  readonly usage: TokenUsage
  readonly #sql: Sql

  constructor(sql: Sql) {
    this.#sql = sql
    this.usage = new TokenUsage(sql)
  }

  /**
   * queued → processing. @returns false when it is not queued any more
   * @throws SQLITE_CONSTRAINT_UNIQUE when its conversation has a run already
   */
  start(request: Pick<RequestRow, 'id' | 'conversation'>, run: NewRun): boolean {
    const { id, conversation } = request
    const begun = this.#sql.value<number>(
      `UPDATE requests SET state = 'processing', attempts = attempts + 1, not_before = NULL, resumed_from = ?
       WHERE id = ? AND state = 'queued' RETURNING attempts`,
      run.resumed_from,
      id,
    )
    if (begun === undefined) return false
    this.#sql.run(
      `INSERT INTO runs (id, run_id, request, conversation, attempt, runner_id, epoch, started_at, deadline)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      run.tick,
      run.run_id,
      id,
      conversation,
      begun,
      run.runner_id,
      run.epoch,
      run.now,
      run.deadline,
    )
    this.#sql.run(
      `UPDATE conversations SET busy = 1, last_used_at = @now, queued = queued - 1, ${headOfQueue('@conversation')}
       WHERE conversation = @conversation`,
      { conversation, now: run.now },
    )
    return true
  }

  /** The request's run has ended: its conversation may go on. @returns false when it had none that was unfinished */
  end({ id, conversation }: Pick<RequestRow, 'id' | 'conversation'>, end: RunEnd, now: number): boolean {
    const ended = this.#sql.run(
      `UPDATE runs INDEXED BY runs_unfinished SET ended_at = ?, end = ?
       WHERE conversation = ? AND request = ? AND ended_at IS NULL`,
      now,
      end,
      conversation,
      id,
    )
    if (ended === 0) return false
    this.#sql.run('UPDATE conversations SET busy = 0 WHERE conversation = ?', conversation)
    return true
  }

  /** The tick of the newest start. */
  newest(): number {
    return this.#sql.value<number>('SELECT id FROM runs ORDER BY id DESC LIMIT 1') ?? 0
  }

  /** The tick of the newest start of a request. */
  newestOf(request: number): number {
    return this.#sql.value<number | null>('SELECT max(id) FROM runs WHERE request = ?', request) ?? 0
  }

  /** The first of a request's runs from this attempt on. */
  ofRequest(requestId: string, attempt: number): RequestRun | undefined {
    return this.#sql.one(
      `SELECT run_id, runner_id, attempt FROM
         (SELECT u.run_id, u.runner_id, row_number() OVER (ORDER BY u.id) AS attempt
          FROM runs u JOIN requests q ON q.id = u.request WHERE q.request_id = ?)
       WHERE attempt >= ? ORDER BY attempt LIMIT 1`,
      requestId,
      attempt,
    )
  }

  /** How many runs a request has had; of those that ended so, where it is said. */
  countOf(request: number, end?: RunEnd): number {
    const sql = 'SELECT count(*) FROM runs WHERE request = @request AND (@end IS NULL OR end = @end)'
    return this.#sql.value<number>(sql, { request, end: end ?? null }) ?? 0
  }

  /** All runs that have not ended. */
  unfinished(): UnfinishedRun[] {
    return this.#sql.all(
      `SELECT ${requestColumns}, u.id AS run FROM runs u INDEXED BY runs_unfinished JOIN requests q ON q.id = u.request
       WHERE u.ended_at IS NULL`,
    )
  }
}
