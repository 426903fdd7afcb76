import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import { completionData } from '../../contracts/completion.ts'
import type { RunOutcome } from '../../contracts/runner.ts'
import { readSettings } from '../../contracts/settings.ts'
import type { Priority } from '../../contracts/words.ts'
import { silentLog } from '../../lib/log.ts'
import { Journal } from '../../store/journal.ts'
import type { JournalOptions } from '../../store/journal.ts'
import type { RequestRow } from '../../store/rows.ts'
import { assertSound, contentOfJournal } from '../../store/testing/sound.ts'
import { acceptRequest } from '../completion/accept.ts'
import { CompletionService } from '../completion/service.ts'
import { createCore } from '../core.ts'
import type { Core } from '../core.ts'
import { assertPush, assertReply } from '../../testing/contract-check.ts'
import type { ModuleHostOptions } from '../module-host/module-host.ts'
import { internalContext } from '../wire/router.ts'
import { RunnerLinks } from '../completion/runner-links.ts'

/** The cores of one ksi root, one generation after the other; folder and journals go with the test. */
export class TestRoot implements Disposable {
  readonly dir = mkdtempSync(join(tmpdir(), 'ksi-daemon-'))
  readonly #open: (() => void)[] = []

  /** A new generation: it takes the journal from the one before. */
  core(env: Record<string, string> = {}, options: Partial<JournalOptions> = {}, modules: ModuleHostOptions = {}): Core {
    const settings = readSettings({ KSI_ROOT: this.dir, KSI_MODE: 'dev', KSI_DURABILITY: 'process', ...env })
    const journal = Journal.open(settings.paths.journal, 'boot', { suspect: false, now: Date.now(), ...options })
    this.#open.push(() => {
      assertSound(journal)
      journal.close()
    })
    const core = createCore({ settings, log: silentLog(), journal, bootId: 'boot', modules })
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
  return core.journal.tx(() =>
    acceptRequest(core, { event: 'completion:async', priority, data: parsed, context: internalContext }),
  ).request_id
}

/** Starts a request as the dispatcher does. The run's id is `run-` and the request's. */
export function begin(core: Core, requestId: string, runnerId = '1'): void {
  core.journal.tx(() => {
    core.journal.runs.start(rowOf(core, requestId), {
      tick: core.journal.emitAny('completion:progress', { request_id: requestId }, requestId),
      now: Date.now(),
      run_id: `run-${requestId}`,
      runner_id: runnerId,
      epoch: core.generation,
      deadline: null,
      resumed_from: null,
    })
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

/** How a run of `echo` failed, unless something else is said of it. */
type FailedBy = Partial<Extract<RunOutcome, { status: 'failed' }>> & { retryable: boolean }

export function failed(options: FailedBy): RunOutcome {
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
  return contentOfJournal(core.journal)
}
