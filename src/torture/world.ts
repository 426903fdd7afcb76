import { setImmediate as turn } from 'node:timers/promises'
import { readSettings } from '../contracts/settings.ts'
import type { RunOutcome } from '../contracts/runner.ts'
import { acceptRequest } from '../daemon/completion/accept.ts'
import { cancelRequest } from '../daemon/completion/cancel.ts'
import { Dispatcher } from '../daemon/completion/dispatcher.ts'
import { emptyReport, quarantine, reconcile } from '../daemon/completion/reconcile.ts'
import { retryRequest } from '../daemon/completion/retry.ts'
import { TakingIn } from '../daemon/completion/taking-in.ts'
import { createCore } from '../daemon/core.ts'
import type { Core } from '../daemon/core.ts'
import { internalContext } from '../daemon/wire/router.ts'
import { finalEvents } from '../history/event.ts'
import { EventHistory } from '../history/event-history.ts'
import { silentLog } from '../lib/log.ts'
import type { Journal } from '../store/journal.ts'
import { MemoryJournal } from '../store/testing/memory-journal.ts'
import type { MemoryDatabase } from '../store/testing/memory-journal.ts'
import { ModelRunner } from './model-runner.ts'

/** What can happen, each with two numbers that say to whom or how. */
export type Step = [act: Act, a: number, b: number]
export const acts = [
  'accept',
  'inject',
  'cancel',
  'retry',
  'dispatch',
  'run ends',
  'take in',
  'sync',
  'advance',
  'crash',
  'crash while starting',
  'power cut',
  'runner dies',
  'clock jumps',
  'disk fails',
  'restore again',
] as const
export type Act = (typeof acts)[number]

const settings = readSettings({ KSI_ROOT: '/nonexistent', KSI_MODE: 'dev', KSI_MAX_CONCURRENT: '3' })
const log = silentLog()
const conversations = 3
const outcomes: Omit<Extract<RunOutcome, { status: 'failed' }>, 'provider' | 'started_at' | 'duration_ms'>[] = [
  { status: 'failed', reason: 'provider_error', message: 'overloaded', retryable: true },
  { status: 'failed', reason: 'provider_error', message: 'no', retryable: false },
  { status: 'failed', reason: 'provider_error', message: 'limit', retryable: true, limited: true },
  { status: 'failed', reason: 'provider_error', message: 'gone', retryable: true, session_unknown: true },
]

/** The queue core of a daemon, with everything around it as a model: disk, clock, runner, clients. */
export class World {
  readonly history = new EventHistory()
  readonly faults: string[] = []
  readonly #db: MemoryDatabase
  readonly #note: { hand: string | undefined } = { hand: undefined }
  #wallMs = 1_700_000_000_000
  #uptimeMs = 1_000
  #runners = [new ModelRunner('1')]
  #core: Core
  #journal: MemoryJournal
  #dispatcher: Dispatcher
  #taking: TakingIn
  /** acknowledged, once that is on disk */
  readonly #acknowledged = new Set<string>()
  #unsynced: (() => void)[] = []
  #lastSeq = 0
  #count = 0

  constructor(db: MemoryDatabase) {
    this.#db = db
    ;[this.#journal, this.#core, this.#dispatcher, this.#taking] = this.#generation()
  }

  async take([act, a, b]: Step): Promise<void> {
    if (act === 'accept' || act === 'inject') this.#accept(act, a, b)
    else if (act === 'cancel') this.#cancel(a)
    else if (act === 'retry') this.#retry(a)
    else if (act === 'dispatch') await this.#dispatch()
    else if (act === 'run ends') this.#runEnds(a, b)
    else if (act === 'take in') this.#takeIn(a)
    else if (act === 'sync') this.#sync()
    else if (act === 'advance') this.#advance(a * 40)
    else if (act === 'crash') this.#crash(true)
    else if (act === 'crash while starting') {
      this.#runner.deaf = true
      await this.#dispatch()
      this.#crash(true)
    } else if (act === 'power cut') this.#cutPower()
    else if (act === 'runner dies') this.#runnerDies()
    else if (act === 'clock jumps') this.#wallMs += (a - 50) * 100_000
    else if (act === 'disk fails') this.#journal.failNext = Object.assign(new Error('full'), { code: 'SQLITE_FULL' })
    else this.#bringIntoLine(false)
  }

  /** Lets everything come to an end. What is wrong then is in `faults`. */
  async finish(): Promise<void> {
    this.#journal.failNext = undefined
    for (let i = 0; i < 400 && this.#core.requests.total('queued') + this.#core.requests.total('processing') > 0; i++) {
      this.#advance(60_000)
      await this.#dispatch()
      for (const run of this.#runner.running()) this.#runner.end(run, completed())
      this.#takeIn(100)
    }
    this.#bringIntoLine(false)
    this.#sync()
    const unfinished = this.history.unfinished(this.#acknowledged)
    if (unfinished.length > 0) this.faults.push(`no outcome: ${unfinished.join(', ')}`)
    this.faults.push(...this.history.faults, ...this.#db.disagreements())
    for (const [id, { state }] of this.history.outcomes)
      if (this.#core.requests.get(id)?.state !== state) this.faults.push(`${id} was told as ${state}, and is not`)
    this.faults.push(...this.#runners.flatMap(({ faults }) => faults))
    this.#dispatcher.close()
  }

  get #runner(): ModelRunner {
    const newest = this.#runners.at(-1)
    if (newest === undefined) throw new Error('there is always a runner')
    return newest
  }

  #generation(): [MemoryJournal, Core, Dispatcher, TakingIn] {
    const journal = new MemoryJournal(this.#db, this.#note, {
      uptimeMs: () => this.#uptimeMs,
      wallMs: () => this.#wallMs,
      machine: 'one',
    })
    journal.onEvents((events) => {
      for (const { seq, name, data } of events) {
        if (seq > this.#lastSeq) this.history.take({ event: name, seq, data })
        else this.faults.push(`event ${seq} was given out twice`)
        this.#lastSeq = Math.max(this.#lastSeq, seq)
        if (finalEvents.includes(name) && !this.#acknowledged.has(String(data['request_id'])))
          this.faults.push(`${String(data['request_id'])} has an outcome, and was never acknowledged`)
      }
    })
    const links = { accepting: () => this.#runner.link(), get: () => undefined }
    // Of a journal this has what the queue core needs; bytes are not counted in this world.
    const made = createCore({ settings, log, journal: journal as unknown as Journal, bootId: 'simulated' })
    const core = { ...made, quotas: { take: () => {}, wrote: () => {} } as unknown as Core['quotas'] }
    const failed = core.troubles.failed.bind(core.troubles)
    core.troubles.failed = (what, error, ...more) => {
      if (error instanceof TypeError) this.faults.push(`${what}: ${error.message}`)
      failed(what, error, ...more)
    }
    const dispatcher = new Dispatcher(core, links as never, () => {})
    dispatcher.open()
    return [journal, core, dispatcher, new TakingIn(core)]
  }

  #accept(act: 'accept' | 'inject', a: number, b: number): void {
    const request_id = `r${++this.#count}`
    const data = {
      prompt: request_id,
      request_id,
      session_id: `c${a % conversations}`,
      model: 'echo/echo',
      on_restart: b % 3 === 0 ? ('requeue' as const) : ('fail' as const),
    }
    const event = act === 'inject' ? 'completion:inject' : 'completion:async'
    const priority = act === 'inject' ? 'INJECT' : 'ASYNC'
    const taken = this.#tries(() => acceptRequest(this.#core, { event, priority, data, context: internalContext }))
    if (taken) this.#unsynced.push(() => this.#acknowledged.add(request_id))
  }

  #cancel(a: number): void {
    const after = ({ run_id, state }: { run_id: string | null; state: string }): void => {
      if (run_id !== null && state === 'processing') this.#runners.forEach((runner) => runner.abort(run_id))
    }
    this.#tries(() => cancelRequest(this.#core, this.#name(a), { reason: 'cancelled', after }))
  }

  #retry(a: number): void {
    const as = `r${this.#count + 1}`
    if (!this.#tries(() => retryRequest(this.#core, { request_id: this.#name(a), as }, internalContext))) return
    this.#count += 1
    this.#unsynced.push(() => this.#acknowledged.add(as))
  }

  /** One of the newest requests, retried ones too. */
  #name(a: number): string {
    return `r${Math.max(1, this.#count - (a % 8))}`
  }

  /** @returns whether it was done */
  #tries(work: () => unknown): boolean {
    try {
      this.#journal.tx(work)
      return true
    } catch {
      return false
    }
  }

  async #dispatch(): Promise<void> {
    this.#dispatcher.kick()
    await turn()
  }

  #runEnds(a: number, b: number): void {
    const running = this.#runner.running()
    const run = running[a % Math.max(1, running.length)]
    const failure = outcomes[b % (outcomes.length * 2)]
    if (run === undefined) return
    const about = { provider: 'echo', started_at: 1, duration_ms: 1 }
    this.#runner.end(
      run,
      failure === undefined ? completed(b % 16 > 8 ? `s${run}` : undefined) : { ...failure, ...about },
    )
  }

  #takeIn(most: number): void {
    const runner = this.#runner
    const ended = runner.ended().slice(0, 1 + most)
    const problems = this.#taking.take(ended as never)
    const taken = ended.filter((run) => !problems.has(run as never))
    this.#unsynced.push(() => taken.forEach(({ run_id }) => runner.committed(run_id)))
  }

  #sync(): void {
    this.#db.sync()
    for (const call of this.#unsynced.splice(0)) call()
    this.#journal.tell()
  }

  #advance(ms: number): void {
    this.#uptimeMs += ms
    this.#wallMs += ms
  }

  /** The next generation syncs what it finds, then brings it into line with the runners. */
  #crash(crashed: boolean): void {
    this.#dispatcher.close()
    const untold = this.#unsynced.splice(0)
    ;[this.#journal, this.#core, this.#dispatcher, this.#taking] = this.#generation()
    this.#db.sync()
    // What its predecessor had not told yet is read from the outbox by those who follow.
    for (const { seq, name, data } of this.#journal.events.after(this.#lastSeq, 10_000)) {
      this.#acknowledgeAll(untold)
      this.history.take({ event: name, seq, data })
      this.#lastSeq = seq
    }
    this.#acknowledgeAll(untold)
    this.#runner.deaf = false
    this.#bringIntoLine(crashed)
  }

  #acknowledgeAll(calls: (() => void)[]): void {
    for (const call of calls.splice(0)) call()
  }

  /** Runners go with the machine. */
  #cutPower(): void {
    this.#unsynced.length = 0
    this.#db.cutPower()
    this.#note.hand = undefined
    this.#runnerDies(false)
    this.#crash(true)
  }

  #runnerDies(noticed = true): void {
    this.#runner.alive = false
    this.#runners.push(new ModelRunner(String(this.#runners.length + 1)))
    if (noticed) this.#bringIntoLine(false)
  }

  #bringIntoLine(crashed: boolean): void {
    const report = emptyReport()
    const runnerOf = (id: string | null): ModelRunner | undefined => this.#runners.find((runner) => runner.id === id)
    const world = {
      knowledge: (id: string | null) => {
        const runner = runnerOf(id)
        return runner?.alive === true ? runner.held() : ('gone' as const)
      },
      left: (id: string, runId: string) => runnerOf(id)?.left(runId),
      said: () => undefined,
    }
    const work = (): void => {
      quarantine(this.#core, crashed, report)
      reconcile(this.#core, world, report)
    }
    // What fails is tried again, by this generation or by the next.
    if (!this.#tries(work)) this.#journal.tx(work)
    const wanted = new Set(this.#core.requests.processing().map(({ run_id }) => run_id))
    this.#runner.tidy(wanted)
  }
}

function completed(session_id?: string): RunOutcome {
  const session = session_id === undefined ? {} : { session_id }
  return {
    status: 'completed',
    provider: 'echo',
    response: { result: 'done' },
    started_at: 1,
    duration_ms: 1,
    ...session,
  }
}
