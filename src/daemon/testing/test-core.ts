import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import { completionData } from '../../contracts/events/completion.ts'
import type { RunOutcome } from '../../contracts/runner.ts'
import { readSettings } from '../../contracts/settings.ts'
import type { Priority } from '../../contracts/words.ts'
import { silentLog } from '../../lib/log.ts'
import { Journal } from '../../store/journal.ts'
import type { RequestRow } from '../../store/rows.ts'
import { acceptRequest } from '../completion/accept.ts'
import { CompletionService } from '../completion/service.ts'
import { createCore } from '../core.ts'
import type { Core } from '../core.ts'
import { assertPush, assertReply } from '../../testing/contract-check.ts'
import { internalContext } from '../wire/router.ts'
import { RunnerLinks } from '../completion/runner-links.ts'

/** The cores of one ksi root, one generation after the other; folder and journals go with the test. */
export class TestRoot implements Disposable {
  readonly dir = mkdtempSync(join(tmpdir(), 'ksi-daemon-'))
  readonly #open: (() => void)[] = []

  /** A new generation: it takes the journal from the one before. */
  core(env: Record<string, string> = {}): Core {
    const settings = readSettings({ KSI_ROOT: this.dir, KSI_MODE: 'dev', ...env })
    const journal = Journal.open(settings.paths.journal, 'boot', { suspect: false, now: Date.now() })
    this.#open.push(() => journal.close())
    const core = createCore(settings, silentLog(), journal, 'boot')
    holdToContract(core)
    return core
  }

  /** A completion service to which no runner is named: every runner is gone. */
  completion(core: Core): CompletionService {
    const service = new CompletionService(core, new RunnerLinks(silentLog()))
    this.#open.push(() => service.close())
    return service
  }

  [Symbol.dispose](): void {
    for (const close of this.#open.toReversed()) close()
    rmSync(this.dir, { recursive: true })
  }
}

/** From now on every reply and every push of this generation must be what the contract says. */
function holdToContract({ router, journal }: Core): void {
  router.inspect = assertReply
  const emit = journal.emit.bind(journal)
  journal.emit = (name, data, requestId) => {
    assertPush(name, data)
    return emit(name, data, requestId)
  }
}

/** Registers an event that takes and replies anything, as an add-on module may. */
export function addEvent(core: Core, event: string, handler: (data: Record<string, unknown>) => unknown): void {
  const spec = { summary: 'anything', data: z.looseObject({}), reply: () => z.unknown() }
  core.router.add(event, spec, handler, event.split(':')[0] ?? '')
}

/** Accepts a request as `completion:async` (or `inject`) does. @returns its id */
export function accept(core: Core, data: Record<string, unknown>, priority: Priority = 'ASYNC'): string {
  const parsed = completionData.parse({ prompt: 'hello', ...data })
  return core.journal.tx(() => acceptRequest(core, 'completion:async', priority, parsed, internalContext)).request_id
}

/** Starts a request as the dispatcher does. The run's id is `run-` and the request's. */
export function begin(core: Core, requestId: string, runnerId = '1'): void {
  core.journal.tx(() => {
    const conversation = core.requests.get(requestId)?.conversation ?? ''
    const tick = core.journal.emitAny('completion:progress', { request_id: requestId }, requestId)
    const about = {
      now: Date.now(),
      tick,
      run_id: `run-${requestId}`,
      runner_id: runnerId,
      epoch: core.generation,
      resumed_from: null,
    }
    core.requests.start({ request_id: requestId, ...about })
    core.conversations.setRunning(conversation, requestId, Date.now())
    core.conversations.refresh(conversation, -1)
  })
}

/** The row, which must be there. */
export function rowOf(core: Core, requestId: string): RequestRow {
  const row = core.requests.get(requestId)
  if (row === undefined) throw new Error(`no request ${requestId}`)
  return row
}

export function completed(sessionId?: string): RunOutcome {
  const session = sessionId === undefined ? {} : { session_id: sessionId }
  return {
    status: 'completed',
    provider: 'echo',
    ...session,
    response: { result: 'done', ...session },
    started_at: 1,
    duration_ms: 5,
  }
}

export function failed(options: { retryable: boolean; retry_after_ms?: number }): RunOutcome {
  return {
    status: 'failed',
    provider: 'echo',
    reason: 'provider_error',
    message: 'overloaded',
    started_at: 1,
    duration_ms: 5,
    ...options,
  }
}

/** Everything the journal knows but its times: to compare before and after. */
export function contentOf(core: Core): unknown {
  const all = (sql: string): unknown => core.journal.db.prepare(sql).all()
  return {
    requests: all(
      'SELECT request_id, conversation, session_id, state, rank, attempts, crash_count, in_hand, run_id, file_due FROM requests ORDER BY id',
    ),
    outcomes: all('SELECT request_id FROM outcomes ORDER BY request_id'),
    conversations: all(
      'SELECT conversation, session_id, running, head_tick, queued FROM conversations ORDER BY conversation',
    ),
    events: all('SELECT seq, name, request_id FROM events ORDER BY seq'),
    totals: all('SELECT * FROM totals ORDER BY state'),
  }
}
