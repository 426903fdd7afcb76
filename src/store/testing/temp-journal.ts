import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Priority } from '../../contracts/words.ts'
import { Conversations } from '../conversations.ts'
import { Journal } from '../journal.ts'
import { Requests } from '../requests.ts'

/** A folder of its own for a test, with a place for a journal; it and every journal opened here go with the test. */
export class TempJournal implements Disposable {
  readonly dir = mkdtempSync(join(tmpdir(), 'ksi-store-'))
  readonly path = join(this.dir, 'journal.db')
  readonly #open: Journal[] = []

  open(options: { bootId?: string; suspect?: boolean; migrations?: string } = {}): Journal {
    const { bootId = 'boot', suspect = false, migrations } = options
    const journal = Journal.open(this.path, bootId, {
      suspect,
      now: Date.now(),
      ...(migrations === undefined ? {} : { migrations }),
    })
    this.#open.push(journal)
    return journal
  }

  /** A folder with ksi's own migrations and `more` after them. */
  migrations(more: Record<string, string> = {}): string {
    const folder = mkdtempSync(join(this.dir, 'migrations-'))
    mkdirSync(folder, { recursive: true })
    cpSync(join(import.meta.dirname, '../migrations'), folder, { recursive: true })
    for (const [name, sql] of Object.entries(more)) writeFileSync(join(folder, name), sql)
    return folder
  }

  [Symbol.dispose](): void {
    for (const journal of this.#open) journal.close()
    rmSync(this.dir, { recursive: true })
  }
}

/** The journal with its queue, driven as the daemon does it: each call is one transaction. */
export class TestQueue {
  readonly journal: Journal
  readonly requests: Requests
  readonly conversations: Conversations

  constructor(journal: Journal) {
    this.journal = journal
    this.requests = new Requests(journal)
    this.conversations = new Conversations(journal)
  }

  /** @returns its tick */
  accept(
    requestId: string,
    conversation: string,
    priority: Priority = 'ASYNC',
    payload: object = { prompt: requestId },
  ): number {
    return this.journal.tx(() => {
      const tick = this.journal.emitAny('completion:queued', { request_id: requestId }, requestId)
      this.conversations.create(conversation, { model: 'echo/echo', now: tick })
      this.requests.insert({
        request_id: requestId,
        conversation,
        session_id: null,
        agent_id: null,
        priority,
        event: 'completion:async',
        model: 'echo/echo',
        on_restart: 'fail',
        digest: '',
        client: null,
        queued_at: tick,
        accepted_tick: tick,
        payload: JSON.stringify(payload),
      })
      this.conversations.refresh(conversation, 1)
      return tick
    })
  }

  start(requestId: string): boolean {
    return this.journal.tx(() => {
      const conversation = this.requests.get(requestId)?.conversation ?? ''
      const tick = this.journal.emitAny('completion:progress', { request_id: requestId }, requestId)
      const started = this.requests.start({
        request_id: requestId,
        now: tick,
        tick,
        run_id: `run-${tick}`,
        runner_id: '1',
        epoch: 1,
        resumed_from: null,
      })
      if (!started) return false
      this.conversations.setRunning(conversation, requestId, tick)
      this.conversations.refresh(conversation, -1)
      return true
    })
  }

  requeue(requestId: string, notBefore: number | null): boolean {
    return this.journal.tx(() => {
      const conversation = this.requests.get(requestId)?.conversation ?? ''
      if (!this.requests.requeue(requestId, { notBefore, uncounted: false })) return false
      this.conversations.clearRunning(conversation, requestId)
      this.conversations.refresh(conversation, 1)
      return true
    })
  }

  /** Ends a request. One that is cancelled while it runs keeps its conversation until `runEnded`. */
  finish(requestId: string, state: 'completed' | 'failed' | 'cancelled'): boolean {
    return this.journal.tx(() => {
      const row = this.requests.get(requestId)
      const tick = this.journal.emitAny(`completion:${state}`, { request_id: requestId }, requestId)
      if (
        row === undefined ||
        !this.requests.finish(requestId, { state, now: tick, tick, outcome: {}, fileDue: false })
      )
        return false
      if (row.state === 'queued') this.conversations.refresh(row.conversation, -1)
      if (state !== 'cancelled') this.conversations.clearRunning(row.conversation, requestId)
      return true
    })
  }

  runEnded(requestId: string): void {
    this.journal.tx(() => this.conversations.clearRunning(this.requests.get(requestId)?.conversation ?? '', requestId))
  }

  /** Ids of a conversation's queue, in its order. */
  queue(conversation: string): string[] {
    const statement = this.journal.db.prepare(
      "SELECT request_id FROM requests WHERE conversation = ? AND state = 'queued' ORDER BY rank, accepted_tick",
    )
    return statement.pluck().all(conversation) as string[]
  }

  /** What of the derived rows does not agree with a recount. */
  disagreements(): unknown[] {
    const { db } = this.journal
    return [
      ...db
        .prepare(
          `SELECT conversation, queued, head_tick, not_before, running FROM conversations c WHERE
        queued <> (SELECT count(*) FROM requests r WHERE r.conversation = c.conversation AND state = 'queued')
        OR (head_tick, not_before) IS NOT (SELECT accepted_tick, not_before FROM requests r WHERE r.conversation = c.conversation AND state = 'queued' ORDER BY rank, accepted_tick LIMIT 1)
        OR EXISTS (SELECT 1 FROM requests r WHERE r.conversation = c.conversation AND state = 'processing' AND request_id IS NOT c.running)`,
        )
        .all(),
      ...db
        .prepare(
          "SELECT state, n FROM totals WHERE state <> 'lost' AND n <> (SELECT count(*) FROM requests r WHERE r.state = totals.state)",
        )
        .all(),
      ...db
        .prepare('SELECT conversation FROM requests WHERE conversation NOT IN (SELECT conversation FROM conversations)')
        .all(),
    ]
  }
}

/** Runs a module's source in a process of its own, with the store's modules at `STORE`. */
export function runModule(source: string): ChildProcess {
  const store = `file://${join(import.meta.dirname, '..')}`
  return spawn(process.execPath, ['--input-type=module', '-e', source.replaceAll('STORE', store)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
}

/** Lets the file grow no further (as on a full disk); or again. */
export function setFull(journal: Journal, full: boolean): void {
  const pages = full ? Number(journal.db.pragma('page_count', { simple: true })) : 1_073_741_823
  journal.db.pragma(`max_page_count = ${pages}`)
}

/** More text than fits into the pages there are. */
export const muchText = 'x'.repeat(100_000)
