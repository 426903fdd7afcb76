import { providerName } from '../../contracts/providers.ts'
import type { PushData } from '../../contracts/events.ts'
import type { RunInput } from '../../contracts/runner.ts'
import { KsiError } from '../../lib/errors.ts'
import type { Core } from '../core.ts'
import type { Gate } from './gate.ts'
import type { RunnerLink } from './runner-link.ts'
import type { RunnerLinks } from './runner-links.ts'
import { toRunInput } from './run-input.ts'
import { loseUnreadable } from './settle.ts'

/** Starts of one turn of the event loop, all in one transaction: between turns clients get their replies. */
const startsPerTurn = 32
/** After a failed dispatch (a bug just saved, a full disk) everything waits this long, in ms, before the next try. */
const troubleDelayMs = 1_000
const dispatch = 'starting a request'

/** What a request is started with. */
interface Start {
  link: RunnerLink
  gate: Gate
}

/** Starts the next request of each conversation that may go on, as long as there is room. Keeps no queue of its own. */
export class Dispatcher {
  readonly #core: Core
  readonly #links: RunnerLinks
  readonly #onStart: (link: RunnerLink, input: RunInput) => void
  #open = false
  #scheduled: NodeJS.Immediate | undefined
  #timer: NodeJS.Timeout | undefined

  /** @param onStart called for each run before the runner hears of it */
  constructor(core: Core, links: RunnerLinks, onStart: (link: RunnerLink, input: RunInput) => void) {
    this.#core = core
    this.#links = links
    this.#onStart = onStart
  }

  open(): void {
    this.#open = true
    this.kick()
  }

  close(): void {
    this.#open = false
    clearImmediate(this.#scheduled)
    clearTimeout(this.#timer)
  }

  /** Something changed: look for work soon. */
  kick(): void {
    if (!this.#open || this.#scheduled !== undefined) return
    this.#scheduled = setImmediate(() => {
      this.#scheduled = undefined
      this.#run()
    })
  }

  /** Whether a request waits for nothing but to be started. */
  couldStart(): boolean {
    const { conversations, settings, requests } = this.#core
    const room = settings.KSI_MAX_CONCURRENT - requests.total('processing')
    if (!this.#open || room <= 0) return false
    const gate = this.#core.holds.gate()
    return conversations.runnable(1, (lane) => gate.room(lane)).length > 0
  }

  #run(): void {
    try {
      const started = this.#startSome()
      this.#core.troubles.well(dispatch)
      if (started === startsPerTurn) this.kick()
      else this.#waitForNextTry()
    } catch (error) {
      // The request keeps its place; a repaired save or more room lets it go on.
      this.#core.log.error({ err: error }, 'dispatch failed, trying again')
      this.#core.troubles.failed(dispatch, error)
      this.#wakeIn(troubleDelayMs)
    }
  }

  /** @returns how many were started */
  #startSome(): number {
    const { requests, conversations, settings, journal } = this.#core
    const link = this.#links.accepting()
    if (!this.#open || link === undefined) return 0
    const room = Math.min(settings.KSI_MAX_CONCURRENT - requests.total('processing'), startsPerTurn)
    if (room <= 0) return 0
    this.#wakeDue()
    const gate = this.#core.holds.gate()
    const names = conversations.runnable(room, (lane) => gate.room(lane))
    if (names.length === 0) return 0
    const { inputs, again, problem } = journal.tx(() => this.#startEach(names, { link, gate }))
    for (const input of inputs) {
      this.#onStart(link, input)
      link.start(input)
    }
    if (problem !== undefined) throw problem.cause
    // One was told as failed instead, or went out of the way: others may wait behind it.
    if (again) this.kick()
    return inputs.length
  }

  /** Lets those go on whose time has come: conversations that wait for another try, and what is held until then. */
  #wakeDue(): void {
    const { conversations, journal, holds } = this.#core
    const next = this.#nextAt()
    const now = next === undefined ? 0 : journal.clock.now()
    if (next === undefined || next > now) return
    journal.tx(() => {
      conversations.wakeDue(now)
      if (holds.endDue()) journal.afterCommit(() => this.kick())
    })
  }

  /** When, by the journal's clock, the next of these is. */
  #nextAt(): number | undefined {
    const { conversations, holds } = this.#core
    const times = [conversations.nextTryAt(), holds.nextAt()].filter((at) => at !== undefined)
    return times.length === 0 ? undefined : Math.min(...times)
  }

  /** Starts the heads of these conversations, up to the first that fails: it alone is undone. */
  #startEach(names: string[], by: Start): { inputs: RunInput[]; again: boolean; problem?: { cause: unknown } } {
    const { journal } = this.#core
    const inputs: RunInput[] = []
    let again = false
    try {
      for (const name of names) {
        const started = journal.tx(() => this.#start(name, by))
        if (typeof started === 'object') inputs.push(started)
        else again ||= started === 'aside'
      }
      return { inputs, again }
    } catch (cause) {
      return { inputs, again, problem: { cause } }
    } finally {
      journal.hand.clear()
    }
  }

  /**
   * @returns `aside` where it cannot be read what was to be done, or the conversation waits elsewhere from now on;
   *   undefined where it keeps its place
   */
  #start(name: string, { link, gate }: Start): RunInput | 'aside' | undefined {
    const core = this.#core
    const conversation = core.conversations.get(name)
    const request = core.requests.head(name)
    if (conversation === undefined || request === undefined)
      throw new KsiError('KSI_INTERNAL', `The conversation ${name} has a head that is not there.`)
    const kept = gate.keeps(request, conversation.lane)
    if (kept !== undefined) {
      if (kept.lane !== undefined) core.journal.lanes.move(name, kept.lane)
      return kept.lane === undefined ? undefined : 'aside'
    }
    core.journal.hand.take(request.request_id)
    const input = toRunInput(core, request, conversation)
    if (input === undefined) {
      loseUnreadable(core, request)
      return 'aside'
    }
    const now = Date.now()
    const { session_id } = conversation
    const resumed = request.session_id !== null && session_id !== null && request.session_id !== session_id
    const about: PushData<'completion:progress'> = {
      request_id: request.request_id,
      conversation: name,
      session_id,
      status: 'calling_provider',
      provider: providerName(input.model),
      attempt: input.attempt,
    }
    const tick = core.journal.emit('completion:progress', about, request.request_id)
    gate.begun(request, tick)
    core.journal.runs.start(request, {
      tick,
      run_id: input.run_id,
      runner_id: link.id,
      epoch: core.generation,
      now,
      deadline: now + input.timeout_ms,
      resumed_from: resumed ? session_id : null,
    })
    return input
  }

  #waitForNextTry(): void {
    const at = this.#nextAt()
    const waitMs = at === undefined ? 0 : at - this.#core.journal.clock.now()
    if (waitMs > 0) this.#wakeIn(waitMs)
  }

  #wakeIn(ms: number): void {
    clearTimeout(this.#timer)
    if (this.#open) this.#timer = setTimeout(() => this.kick(), Math.min(ms, 60_000))
  }
}
