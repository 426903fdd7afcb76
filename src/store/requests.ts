import type { CompletionResult } from '../contracts/completion.ts'
import type { FinalState } from '../contracts/words.ts'
import type { Journal } from './journal.ts'
import type { ConversationRow, RequestRow } from './rows.ts'
import { rowOf, rowsOf } from './rows.ts'

export type NewRequest = Pick<
  RequestRow,
  | 'request_id'
  | 'conversation'
  | 'session_id'
  | 'agent_id'
  | 'priority'
  | 'event'
  | 'model'
  | 'on_restart'
  | 'digest'
  | 'client'
  | 'queued_at'
> & {
  accepted_tick: number
  payload: string
}

/** An outcome as the journal keeps it. */
export interface StoredOutcome {
  result?: CompletionResult
  reason?: string
  message?: string
}

const rank = { INJECT: 1, ASYNC: 2 } as const

/**
 * The requests and their transitions. Call within `journal.tx`; the conversation's row is the caller's to keep in step.
 */
export class Requests {
  readonly #insert
  readonly #insertPayload
  readonly #get
  readonly #payload
  readonly #head
  readonly #inHand
  readonly #start
  readonly #requeue
  readonly #finish
  readonly #insertOutcome
  readonly #outcome
  readonly #fileDone
  readonly #total
  readonly #processing
  readonly #allInHand
  readonly #countCrash
  readonly #filesDue
  readonly #countLost
  readonly #ofConversation

  constructor({ db }: Journal) {
    this.#insert = db.prepare(`INSERT INTO requests
      (request_id, conversation, session_id, agent_id, priority, rank, state, event, model, on_restart, digest, client, queued_at, accepted_tick)
      VALUES (@request_id, @conversation, @session_id, @agent_id, @priority, @rank, 'queued', @event, @model, @on_restart, @digest, @client, @queued_at, @accepted_tick)`)
    this.#insertPayload = db.prepare('INSERT INTO payloads VALUES (?, ?)')
    this.#get = db.prepare('SELECT * FROM requests WHERE request_id = ?')
    this.#payload = db.prepare('SELECT data FROM payloads WHERE request_id = ?').pluck()
    this.#head = db.prepare(
      "SELECT * FROM requests INDEXED BY requests_queue WHERE conversation = ? AND state = 'queued' ORDER BY rank, accepted_tick LIMIT 1",
    )
    this.#inHand = db.prepare('UPDATE requests SET in_hand = 1 WHERE request_id = ?')
    this.#start =
      db.prepare(`UPDATE requests SET state = 'processing', in_hand = 0, started_at = @now, started_tick = @tick, attempts = attempts + 1,
      run_id = @run_id, runner_id = @runner_id, epoch = @epoch, resumed_from = @resumed_from, not_before = NULL WHERE request_id = @request_id AND state = 'queued'`)
    // Rank 0 puts it back at the head, before any INJECT: it had begun already.
    this.#requeue =
      db.prepare(`UPDATE requests SET state = 'queued', in_hand = 0, rank = 0, not_before = @not_before, started_at = NULL, started_tick = NULL,
      attempts = attempts - @uncounted, run_id = NULL, runner_id = NULL WHERE request_id = @request_id AND state = 'processing'`)
    this.#finish =
      db.prepare(`UPDATE requests SET state = @state, in_hand = 0, finished_at = @now, finished_tick = @tick, file_due = @file_due,
      session_id = coalesce(@session_id, session_id) WHERE request_id = @request_id AND state IN ('queued', 'processing')`)
    this.#insertOutcome = db.prepare('INSERT INTO outcomes VALUES (?, ?)')
    this.#outcome = db.prepare('SELECT outcome FROM outcomes WHERE request_id = ?').pluck()
    this.#fileDone = db.prepare('UPDATE requests SET file_due = 0 WHERE request_id = ?')
    this.#total = db.prepare('SELECT n FROM totals WHERE state = ?').pluck()
    this.#processing = db.prepare("SELECT * FROM requests INDEXED BY requests_one_running WHERE state = 'processing'")
    this.#allInHand = db.prepare('SELECT * FROM requests INDEXED BY requests_in_hand WHERE in_hand = 1')
    this.#countCrash = db.prepare('UPDATE requests SET crash_count = crash_count + 1, in_hand = 0 WHERE request_id = ?')
    this.#filesDue = db.prepare(
      'SELECT * FROM requests INDEXED BY requests_file_due WHERE file_due = 1 ORDER BY finished_tick',
    )
    this.#countLost = db.prepare("UPDATE totals SET n = n + 1 WHERE state = 'lost'")
    this.#ofConversation = db.prepare(
      'SELECT * FROM requests WHERE conversation = ? ORDER BY accepted_tick DESC LIMIT ?',
    )
  }

  insert(request: NewRequest): void {
    const { payload, ...row } = request
    this.#insert.run({ ...row, rank: rank[request.priority] })
    this.#insertPayload.run(request.request_id, payload)
  }

  get(requestId: string): RequestRow | undefined {
    return rowOf(this.#get.get(requestId))
  }

  /** What the client sent. */
  payload(requestId: string): Record<string, unknown> {
    return JSON.parse(rowOf<string>(this.#payload.get(requestId)) ?? '{}') as Record<string, unknown>
  }

  /** The next request of a conversation. */
  head(conversation: ConversationRow['conversation']): RequestRow | undefined {
    return rowOf(this.#head.get(conversation))
  }

  /** Says, in a transaction of its own, that this request is being worked on: if the daemon dies now, it is suspect. */
  takeInHand(requestId: string): void {
    this.#inHand.run(requestId)
  }

  /** queued → processing. @returns false when it is not queued any more */
  start(row: {
    request_id: string
    now: number
    tick: number
    run_id: string
    runner_id: string
    epoch: number
    resumed_from: string | null
  }): boolean {
    return this.#start.run(row).changes === 1
  }

  /**
   * processing → queued, at the head. `uncounted` when the try never took place. @returns false when it is not
   * processing
   */
  requeue(requestId: string, options: { notBefore: number | null; uncounted: boolean }): boolean {
    return (
      this.#requeue.run({ request_id: requestId, not_before: options.notBefore, uncounted: options.uncounted ? 1 : 0 })
        .changes === 1
    )
  }

  /** queued or processing → a final state. @returns false when it has one already */
  finish(
    requestId: string,
    end: {
      state: FinalState
      now: number
      tick: number
      outcome: StoredOutcome
      sessionId?: string | undefined
      fileDue: boolean
    },
  ): boolean {
    const { state, now, tick } = end
    const changed =
      this.#finish.run({
        request_id: requestId,
        state,
        now,
        tick,
        session_id: end.sessionId ?? null,
        file_due: end.fileDue ? 1 : 0,
      }).changes === 1
    if (changed) this.#insertOutcome.run(requestId, JSON.stringify(end.outcome))
    return changed
  }

  outcome(requestId: string): StoredOutcome | undefined {
    const text = rowOf<string>(this.#outcome.get(requestId))
    return text === undefined ? undefined : (JSON.parse(text) as StoredOutcome)
  }

  /** The lines of its response file are written. */
  fileDone(requestId: string): void {
    this.#fileDone.run(requestId)
  }

  /** How many are queued now. */
  queuedCount(): number {
    return Number(this.#total.get('queued'))
  }

  total(state: string): number {
    return Number(this.#total.get(state) ?? 0)
  }

  processing(): RequestRow[] {
    return rowsOf(this.#processing.all())
  }

  inHand(): RequestRow[] {
    return rowsOf(this.#allInHand.all())
  }

  countCrash(requestId: string): void {
    this.#countCrash.run(requestId)
  }

  /** Completed requests whose response file may lack their lines, oldest first. */
  filesDue(): RequestRow[] {
    return rowsOf(this.#filesDue.all())
  }

  countLost(): void {
    this.#countLost.run()
  }

  /** The newest requests of a conversation. */
  ofConversation(conversation: string, limit: number): RequestRow[] {
    return rowsOf(this.#ofConversation.all(conversation, limit))
  }
}
