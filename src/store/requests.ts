import { afterOthers } from './conversations.ts'
import type { EventData } from '../contracts/events.ts'
import type { OnFailure } from '../contracts/holds.ts'
import type { FinalState, RequestState } from '../contracts/words.ts'
import type { Conversations } from './conversations.ts'
import { headOfQueue, laneOfModel } from './lanes.ts'
import type { RequestRow } from './rows.ts'
import { requestsWithRun } from './rows.ts'
import type { RunEnd, Runs } from './runs.ts'
import type { Sql } from './sql.ts'
import type { StoredOutcome } from './stored.ts'
import { outcomeLost, readStored } from './stored.ts'

export type NewRequest = Pick<
  RequestRow,
  'request_id' | 'conversation' | 'session_id' | 'agent_id' | 'priority' | 'event' | 'model' | 'on_restart' | 'digest'
> & {
  /** the tick of its acceptance */
  tick: number
  /** epoch ms */
  now: number
  client: string | null
  payload: string
  /** the conversation begins with the session the client named */
  newSession?: boolean
  /** null, and unless given: as its conversation */
  on_failure?: OnFailure | null
}

/** How a request ends. */
export interface RequestEnd {
  state: FinalState
  now: number
  tick: number
  outcome: StoredOutcome
  /** the session of the result */
  sessionId?: string | undefined
  /** who handed that session out: the conversation goes on from there */
  provider?: string | undefined
  /** how its run ended; `state` unless given */
  run?: RunEnd
}

const rank = { INJECT: 1, ASYNC: 2 } as const

/**
 * The requests and their transitions. Call the verbs within `journal.tx`; each keeps the conversation's head and
 * counts, the runs and the totals in step.
 */
export class Requests {
  readonly #sql: Sql
  readonly #runs: Runs
  readonly #conversations: Conversations

  constructor(sql: Sql, parts: { runs: Runs; conversations: Conversations }) {
    this.#sql = sql
    this.#runs = parts.runs
    this.#conversations = parts.conversations
  }

  /** → queued, in a conversation that is made if there is none; the agent's current one from now on. */
  accept(request: NewRequest): void {
    const { tick, now, payload, newSession = false, on_failure = null, ...row } = request
    const { conversation, session_id, agent_id, model } = row
    this.#sql.run(
      `INSERT INTO requests
         (id, request_id, conversation, session_id, agent_id, priority, rank, state, event, model, on_restart,
           on_failure, digest, client, queued_at)
       VALUES (@tick, @request_id, @conversation, @session_id, @agent_id, @priority, @rank, 'queued', @event, @model,
         @on_restart, @on_failure, @digest, @client, @now)`,
      { ...row, on_failure, tick, now, rank: rank[row.priority] },
    )
    this.#sql.run('INSERT INTO payloads (request, data) VALUES (?, ?)', tick, payload)
    // It is the new head of an empty queue, and an INJECT of one that begins with an ASYNC.
    const first =
      'head_tick IS NULL OR @rank = 1 AND (SELECT rank FROM requests WHERE id = conversations.head_tick) = 2'
    this.#sql.run(
      `INSERT INTO conversations (conversation, session_id, agent_id, model, head_tick, lane, queued, last_used_at)
       SELECT @conversation, @session_id, @agent_id, model, @tick, ${laneOfModel}, 1, @now FROM (SELECT @model AS model)
       WHERE true
       ON CONFLICT (conversation) DO UPDATE SET queued = queued + 1, last_used_at = @now,
         head_tick = CASE WHEN ${first} THEN @tick ELSE head_tick END,
         lane = CASE WHEN ${first} THEN excluded.lane ELSE lane END,
         not_before = CASE WHEN ${first} THEN NULL ELSE not_before END`,
      {
        conversation,
        session_id: newSession ? session_id : null,
        agent_id,
        model,
        tick,
        now,
        rank: rank[row.priority],
      },
    )
    if (newSession)
      this.#sql.run(
        `INSERT INTO sessions (session_id, conversation, at) VALUES (?, ?, ${afterOthers}) ON CONFLICT DO NOTHING`,
        session_id,
        conversation,
        now,
        conversation,
      )
    if (agent_id !== null)
      this.#sql.run(
        `INSERT INTO agents (agent_id, conversation) VALUES (?, ?) ON CONFLICT (agent_id)
         DO UPDATE SET conversation = excluded.conversation WHERE conversation <> excluded.conversation`,
        agent_id,
        conversation,
      )
  }

  /**
   * processing → queued, at the head. `uncounted` when the try never took place. @returns false when it is not
   * processing
   */
  requeue(requestId: string, how: { notBefore: number | null; uncounted: boolean; now: number; run: RunEnd }): boolean {
    // Rank 0 puts it back before any INJECT: it had begun already.
    const row = this.#sql.one<{ id: number; conversation: string }>(
      `UPDATE requests SET state = 'queued', rank = 0, not_before = ?, attempts = attempts - ?
       WHERE request_id = ? AND state = 'processing' RETURNING id, conversation`,
      how.notBefore,
      how.uncounted ? 1 : 0,
      requestId,
    )
    if (row === undefined) return false
    this.#runs.end(row, how.run, how.now)
    this.#refresh(row.conversation, 1)
    return true
  }

  /**
   * queued or processing → a final state. Its run ends with it; that of a cancelled one goes on until `runs.end`: never
   * two at once.
   * @returns false when it has one already
   */
  finish(requestId: string, end: RequestEnd): boolean {
    const row = this.#sql.one<{ id: number; state: RequestState; conversation: string }>(
      "SELECT id, state, conversation FROM requests WHERE request_id = ? AND state IN ('queued', 'processing')",
      requestId,
    )
    if (row === undefined) return false
    const { state, now, tick, sessionId } = end
    this.#sql.run(
      `UPDATE requests SET state = ?, finished_at = ?, finished_tick = ?, session_id = coalesce(?, session_id),
         not_before = NULL WHERE id = ?`,
      state,
      now,
      tick,
      sessionId ?? null,
      row.id,
    )
    this.#sql.run('INSERT INTO outcomes (request, outcome) VALUES (?, ?)', row.id, JSON.stringify(end.outcome))
    if (row.state === 'queued') this.#refresh(row.conversation, -1)
    else if (state !== 'cancelled') this.#runs.end(row, end.run ?? state, now)
    if (sessionId !== undefined && end.provider !== undefined)
      this.#conversations.setNewestSession(row.conversation, { id: sessionId, provider: end.provider, now })
    return true
  }

  /** The daemon died with this request in hand. */
  countCrash(requestId: string): void {
    this.#sql.run('UPDATE requests SET crash_count = crash_count + 1 WHERE request_id = ?', requestId)
  }

  /** What a request was to do cannot be read: nobody is to try it again. */
  dropPayload(id: number): void {
    this.#sql.run('DELETE FROM payloads WHERE request = ?', id)
  }

  /** A run went down with its runner and its request is told as lost. */
  countLost(): void {
    this.#sql.run("UPDATE totals SET n = n + 1 WHERE state = 'lost'")
  }

  get(requestId: string): RequestRow | undefined {
    return this.#sql.one(`${requestsWithRun} WHERE q.request_id = ?`, requestId)
  }

  /** What the client sent; undefined where that is gone, or cannot be read. */
  payload(requestId: string): EventData<'completion:async'> | undefined {
    const text = this.#sql.value<string>(
      'SELECT data FROM payloads WHERE request = (SELECT id FROM requests WHERE request_id = ?)',
      requestId,
    )
    return readStored<EventData<'completion:async'>, undefined>(text, undefined)
  }

  /** The request that this row repeats, where it says so. */
  retryOf(id: number): string | undefined {
    return (
      this.#sql.value<string | null>(
        "SELECT CASE WHEN json_valid(data) THEN data ->> '$.retry_of' END FROM payloads WHERE request = ?",
        id,
      ) ?? undefined
    )
  }

  outcome(requestId: string): StoredOutcome | undefined {
    const text = this.#sql.value<string>(
      'SELECT outcome FROM outcomes WHERE request = (SELECT id FROM requests WHERE request_id = ?)',
      requestId,
    )
    return text === undefined ? undefined : readStored<StoredOutcome, StoredOutcome>(text, { message: outcomeLost })
  }

  /** The next request of a conversation. */
  head(conversation: string): RequestRow | undefined {
    return this.#sql.one(
      `${requestsWithRun} WHERE q.id = (SELECT head_tick FROM conversations WHERE conversation = ?)`,
      conversation,
    )
  }

  /** How many are in a state now (queued, processing), or have come to it so far. */
  total(state: string): number {
    return this.#sql.value<number>('SELECT n FROM totals WHERE state = ?', state) ?? 0
  }

  /** Those that have a run and no outcome. */
  processing(): RequestRow[] {
    return this.#runs.unfinished().filter(({ state }) => state === 'processing')
  }

  /** Completed ones of a session, after the tick of an outcome, oldest outcome first: whose lines belong into files. */
  completedAfter(tick: number, limit: number): RequestRow[] {
    return this.#sql.all(
      `${requestsWithRun} WHERE q.finished_tick > ? AND q.state = 'completed' AND q.session_id IS NOT NULL
       ORDER BY q.finished_tick LIMIT ?`,
      tick,
      limit,
    )
  }

  /** The newest completed requests of a conversation. */
  completedOf(conversation: string, limit: number): RequestRow[] {
    return this.#sql.all(
      `${requestsWithRun} WHERE q.conversation = ? AND q.state = 'completed' ORDER BY q.id DESC LIMIT ?`,
      conversation,
      limit,
    )
  }

  /** The newest requests of a conversation. */
  ofConversation(conversation: string, limit: number): RequestRow[] {
    return this.#sql.all(`${requestsWithRun} WHERE q.conversation = ? ORDER BY q.id DESC LIMIT ?`, conversation, limit)
  }

  /** Works out the head of the queue again after `change` requests were added (or taken out, below zero). */
  #refresh(conversation: string, change: number): void {
    this.#sql.run(
      `UPDATE conversations SET queued = queued + @change, ${headOfQueue('@conversation')}
       WHERE conversation = @conversation`,
      { conversation, change },
    )
  }
}
