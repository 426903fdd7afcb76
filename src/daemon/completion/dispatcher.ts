import { providerName } from '../../contracts/providers.ts'
import type { PushData } from '../../contracts/events.ts'
import type { RunInput } from '../../contracts/runner.ts'
import { KsiError } from '../../lib/errors.ts'
import type { Core } from '../core.ts'
import type { RunnerLink } from './runner-link.ts'
import type { RunnerLinks } from './runner-links.ts'
import { toRunInput } from './run-input.ts'
import { loseUnreadable } from './settle.ts'

/** Starts of one turn of the event loop, all in one transaction: between turns clients get their replies. */
const startsPerTurn = 32
/** After a failed dispatch (a bug just saved, a full disk) everything waits this long, in ms, before the next try. */
const troubleDelayMs = 1_000
const dispatch = 'starting a request'

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
    return this.#open && room > 0 && conversations.runnable(1, this.#roomOfLanes()).length > 0
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
    const next = conversations.nextTryAt()
    const now = next === undefined ? 0 : journal.clock.now()
    if (next !== undefined && next <= now) journal.tx(() => conversations.wakeDue(now))
    const names = conversations.runnable(room, this.#roomOfLanes())
    if (names.length === 0) return 0
    const { inputs, problem } = journal.tx(() => this.#startEach(names, link))
    for (const input of inputs) {
      this.#onStart(link, input)
      link.start(input)
    }
    if (problem !== undefined) throw problem.cause
    // One was told as failed instead: others of its conversation may wait.
    if (inputs.length < names.length) this.kick()
    return inputs.length
  }

  /** How many more each provider takes that has a limit of its own, of those somebody waits for. */
  #roomOfLanes(): [string, number][] {
    const { settings, conversations, journal } = this.#core
    return [...settings.KSI_PROVIDER_CONCURRENT]
      .filter(([provider]) => conversations.isReady(provider))
      .map(([provider, most]) => [provider, most - journal.lanes.running(provider)])
  }

  /** Starts the heads of these conversations, up to the first that fails: it alone is undone. */
  #startEach(names: string[], link: RunnerLink): { inputs: RunInput[]; problem?: { cause: unknown } } {
    const { journal } = this.#core
    const inputs: RunInput[] = []
    try {
      for (const name of names) {
        const input = journal.tx(() => this.#start(name, link))
        if (input !== undefined) inputs.push(input)
      }
      return { inputs }
    } catch (cause) {
      return { inputs, problem: { cause } }
    } finally {
      journal.hand.clear()
    }
  }

  /** @returns undefined where it cannot be read what was to be done */
  #start(name: string, link: RunnerLink): RunInput | undefined {
    const core = this.#core
    const conversation = core.conversations.get(name)
    const request = core.requests.head(name)
    if (conversation === undefined || request === undefined)
      throw new KsiError('KSI_INTERNAL', `The conversation ${name} has a head that is not there.`)
    core.journal.hand.take(request.request_id)
    const input = toRunInput(core, request, conversation)
    if (input === undefined) {
      loseUnreadable(core, request)
      return undefined
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
    core.journal.runs.start(request, {
      tick: core.journal.emit('completion:progress', about, request.request_id),
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
    const { conversations, journal } = this.#core
    const at = conversations.nextTryAt()
    const waitMs = at === undefined ? 0 : at - journal.clock.now()
    if (waitMs > 0) this.#wakeIn(waitMs)
  }

  #wakeIn(ms: number): void {
    clearTimeout(this.#timer)
    if (this.#open) this.#timer = setTimeout(() => this.kick(), Math.min(ms, 60_000))
  }
}
