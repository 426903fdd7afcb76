import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Priority } from '../../contracts/words.ts'
import type { Conversations } from '../conversations.ts'
import { Journal } from '../journal.ts'
import type { JournalOptions } from '../journal.ts'
import type { Requests } from '../requests.ts'
import { disagreements } from '../soundness.ts'
import { assertSound, databaseOf } from './sound.ts'

/** A folder of its own for a test, with a place for a journal; it and every journal opened here go with the test. */
export class TempJournal implements Disposable {
  readonly dir = mkdtempSync(join(tmpdir(), 'ksi-store-'))
  readonly path = join(this.dir, 'journal.db')
  readonly #open: Journal[] = []

  open(options: { bootId?: string } & Partial<JournalOptions> = {}): Journal {
    const { bootId = 'boot', ...rest } = options
    const journal = Journal.open(this.path, bootId, { suspect: false, now: Date.now(), ...rest })
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
    for (const journal of this.#open) {
      assertSound(journal)
      journal.close()
    }
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
    this.requests = journal.requests
    this.conversations = journal.conversations
  }

  /** @returns its tick */
  accept(
    requestId: string,
    conversation: string,
    priority: Priority = 'ASYNC',
    { model = 'echo/echo', ...payload }: { model?: string } & Record<string, unknown> = { prompt: requestId },
  ): number {
    return this.journal.tx(() => {
      const about = { request_id: requestId, conversation, priority, model: 'echo/echo' }
      const tick = this.journal.emitAny('completion:queued', about, requestId)
      this.requests.accept({
        request_id: requestId,
        conversation,
        session_id: null,
        agent_id: null,
        priority,
        event: 'completion:async',
        model,
        on_restart: 'fail',
        digest: '',
        client: null,
        now: tick,
        tick,
        payload: JSON.stringify(payload),
      })
      return tick
    })
  }

  /** The conversation whose turn it would be at `now`; nothing is changed by looking. */
  next(now: number): string | undefined {
    const looked = new Error('only looked')
    let found: string | undefined
    try {
      this.journal.tx(() => {
        this.conversations.wakeDue(now)
        found = this.conversations.runnable(1)[0]
        throw looked
      })
    } catch (error) {
      if (error !== looked) throw error
    }
    return found
  }

  start(requestId: string): boolean {
    return this.journal.tx(() => {
      const request = this.requests.get(requestId)
      const tick = this.journal.emitAny('completion:progress', { request_id: requestId }, requestId)
      const run = {
        now: tick,
        tick,
        run_id: `run-${tick}`,
        runner_id: '1',
        epoch: 1,
        deadline: null,
        resumed_from: null,
      }
      return request !== undefined && this.journal.runs.start(request, run)
    })
  }

  requeue(requestId: string, notBefore: number | null): boolean {
    return this.journal.tx(() =>
      this.requests.requeue(requestId, { notBefore, uncounted: false, now: 1, run: 'again' }),
    )
  }

  /** Ends a request. One that is cancelled while it runs keeps its conversation until `runEnded`. */
  finish(requestId: string, state: 'completed' | 'failed' | 'cancelled'): boolean {
    return this.journal.tx(() => {
      const tick = this.journal.emitAny(`completion:${state}`, { request_id: requestId }, requestId)
      return this.requests.finish(requestId, { state, now: tick, tick, outcome: {} })
    })
  }

  runEnded(requestId: string): void {
    this.journal.tx(() => {
      const row = this.requests.get(requestId)
      if (row !== undefined) this.journal.runs.end(row, 'cancelled', 1)
    })
  }

  /** Ids of a conversation's queue, in its order. */
  queue(conversation: string): string[] {
    const statement = databaseOf(this.journal).prepare(
      "SELECT request_id FROM requests WHERE conversation = ? AND state = 'queued' ORDER BY rank, id",
    )
    return statement.pluck().all(conversation) as string[]
  }

  /** What of the derived rows does not agree with a recount. */
  disagreements(): string[] {
    return disagreements(databaseOf(this.journal))
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
  const pages = full ? Number(databaseOf(journal).pragma('page_count', { simple: true })) : 1_073_741_823
  databaseOf(journal).pragma(`max_page_count = ${pages}`)
}

/** More text than fits into the pages there are. */
export const muchText = 'x'.repeat(100_000)

export function countRequests(journal: Journal): number {
  return Number(databaseOf(journal).prepare('SELECT count(*) FROM requests').pluck().get())
}

/** Makes a generation of before the one that may write. */
export function giveLeaseTo(journal: Journal, epoch: number): void {
  databaseOf(journal).prepare('UPDATE lease SET epoch = ?').run(epoch)
}

/** A copy of the whole journal, the WAL included. */
export function copyJournal(journal: Journal, path: string): void {
  databaseOf(journal).prepare('VACUUM INTO ?').run(path)
}
