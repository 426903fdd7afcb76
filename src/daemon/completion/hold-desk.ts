import type { EventReply } from '../../contracts/events.ts'
import type { Hold } from '../../contracts/holds.ts'
import { providerName } from '../../contracts/providers.ts'
import type { RunOutcome } from '../../contracts/runner.ts'
import type { Settings } from '../../contracts/settings.ts'
import { describeHold } from '../../store/holds.ts'
import type { HoldKey, HoldRow, NewHold } from '../../store/holds.ts'
import type { Journal } from '../../store/journal.ts'
import { parked } from '../../store/lanes.ts'
import type { RequestRow } from '../../store/rows.ts'
import { closed, step } from './circuit.ts'
import type { Circuit, CircuitEvent, CircuitRules } from './circuit.ts'
import { Gate } from './gate.ts'
import { circuitOf, isOver } from './hold-rows.ts'

type Failed = Extract<RunOutcome, { status: 'failed' }>

/** Waits after a limit of use of which the provider did not say when it is over; one by the week is the longest. */
const limitRules: CircuitRules = {
  failures: 1,
  windowMs: 0,
  baseMs: 5_000,
  maxMs: 300_000,
  longestMs: 8 * 86_400_000,
}
const circuitWaits = { baseMs: 2_000, maxMs: 300_000, longestMs: 3_600_000 }
/** Beyond so many held models it is rather the provider that is held. */
const mostModels = 100
/** Holds that are over, looked at in one turn. */
const endedAtOnce = 64
/** A hold whose time has been over so long, and to which nobody came as a probe, says nothing any more. */
const staleMs = 86_400_000
/** Shown of the words of a provider, in characters. */
const shownMax = 500
/** The probe that failed lets others go before it: it may be the cause itself. */
const behindMs = 1_000

/** What a run that failed means for its request. */
export interface Refusal {
  /** The try does not count: the request waits with the others. */
  uncounted: boolean
  hold: HoldRow
  /** by the journal's clock: so long others are to be the next probe; null: it is as good as they */
  notBefore: number | null
}

/**
 * The one place that decides what is held. It keeps nothing in memory: holds are rows of the journal, and a probe is
 * out as long as its run has not ended, whatever becomes of either. Call what changes something within a transaction.
 */
export class HoldDesk {
  readonly #journal: Journal
  readonly #settings: Settings
  readonly #circuitRules: CircuitRules
  /** Asked for a hold by budget whose time is over: until when it goes on, or undefined when it is over. */
  recheck: (hold: HoldRow) => NewHold | undefined = () => undefined

  constructor(journal: Journal, settings: Settings) {
    this.#journal = journal
    this.#settings = settings
    const { KSI_CIRCUIT_FAILURES: failures, KSI_CIRCUIT_WINDOW_MS: windowMs } = settings
    this.#circuitRules = { failures: failures === 0 ? Infinity : failures, windowMs, ...circuitWaits }
  }

  /** Who may start now; for one turn. */
  gate(): Gate {
    return new Gate(this.#journal, this.#settings.KSI_PROVIDER_CONCURRENT)
  }

  /** The provider has answered this request: what its run was to show is shown. */
  answered(row: RequestRow): void {
    const { holds, runs } = this.#journal
    holds.setOutage(providerName(row.model), undefined)
    for (const hold of holds.ofProbe(runs.newestOf(row.id))) this.#drop(hold, `request ${row.request_id} was answered`)
  }

  /** A run has failed: what that says of its provider. @returns undefined when it is a matter of the request alone */
  refused(row: RequestRow, outcome: Failed): Refusal | undefined {
    const { holds, runs, clock } = this.#journal
    const run = runs.newestOf(row.id)
    const at = clock.now()
    const failed = { type: 'failed', at, run, retryAfterMs: outcome.retry_after_ms } as const
    const probed = holds.ofProbe(run)
    const met = this.#meets(row, outcome)
    if (met !== undefined) this.#apply(met, failed, outcome.message)
    const isSilent = outcome.limited === true || outcome.outage === true || outcome.reason === 'timeout'
    for (const hold of probed) {
      if (met !== undefined && isSame(hold, met)) continue
      if (isSilent) this.#apply(hold, { ...failed, retryAfterMs: undefined }, outcome.message)
    }
    const hold = met === undefined ? undefined : holds.get(met)
    if (hold === undefined) return undefined
    const uncounted = outcome.reason !== 'timeout'
    const notBefore = probed.length === 0 ? null : Math.max(hold.until ?? 0, at) + behindMs
    return { uncounted, hold, notBefore }
  }

  /** What a failure is met with; undefined where it says nothing of the provider. */
  #meets({ model }: RequestRow, { limited, limits, outage }: Failed): HoldKey | undefined {
    const provider = { scope: 'provider', name: providerName(model) } as const
    if (limited !== true) return outage === true ? { ...provider, cause: 'circuit' } : undefined
    const held = this.#journal.holds.wide()
    const isOne = limits === 'model' && held.filter(({ scope }) => scope === 'model').length < mostModels
    return isOne ? { scope: 'model', name: model, cause: 'limit' } : { ...provider, cause: 'limit' }
  }

  /** What becomes of a circuit by an event, in the journal. */
  #apply(key: HoldKey, event: CircuitEvent, reason: string): void {
    const { holds } = this.#journal
    const before = holds.get(key)
    const rules = key.cause === 'limit' ? limitRules : this.#circuitRules
    const was: Circuit = (before && circuitOf(before)) ?? this.#closed(key)
    const is = step(was, event, rules)
    if (is === was) return
    if (is.phase === 'closed') return holds.setOutage(key.name, is.failures === 0 ? undefined : is)
    if (was.phase === 'closed') holds.setOutage(key.name, undefined)
    const { until, times } = is
    // A probe that is out stays so, though the end is another one.
    if (is.phase === 'half-open') return holds.setUntil(key, until)
    this.place({ ...key, reason: reason.slice(0, shownMax), until, times })
  }

  #closed({ cause, name }: HoldKey): Circuit {
    const outage = cause === 'circuit' ? this.#journal.holds.outage(name) : undefined
    return outage === undefined ? closed : { phase: 'closed', ...outage }
  }

  /** Holds something from now on, and says so. */
  place(hold: NewHold): Hold {
    const { holds, lanes, clock } = this.#journal
    holds.put(hold, clock.now())
    if (hold.scope === 'model') lanes.add(hold.name)
    if (hold.scope === 'conversation') lanes.move(hold.name, parked)
    const told = this.#told(hold)
    this.#journal.emit('completion:held', told)
    return told
  }

  /** A turn came to nothing: its conversation waits, where that was asked for. */
  turnFailed(row: RequestRow, message: string): void {
    const { conversation, request_id } = row
    const of = row.on_failure ?? this.#journal.policies.get('conversation', conversation).on_failure
    if ((of ?? this.#settings.KSI_ON_FAILURE) !== 'hold') return
    const reason = `Request ${request_id} failed: ${message}`.slice(0, shownMax)
    this.place({ scope: 'conversation', name: conversation, cause: 'failure', reason, until: null, times: 1 })
  }

  /** Takes all holds off something, by hand. @returns what was held */
  release(scope: HoldKey['scope'], name: string, why: string): Hold[] {
    return this.#journal.holds.on(scope, name).map((hold) => {
      const told = this.#tell(hold)
      this.#drop(hold, why)
      return told
    })
  }

  /** A hold of this cause is over, if it is there. */
  releaseOf(key: HoldKey, why: string): void {
    const hold = this.#journal.holds.get(key)
    if (hold !== undefined) this.#drop(hold, why)
  }

  /** Ends what is over by its time. @returns whether more is to be done at once */
  endDue(): boolean {
    const { holds, clock } = this.#journal
    const now = clock.now()
    const due = holds.due(now, endedAtOnce)
    for (const hold of due) {
      if (isOver(hold, now)) this.#endOver(hold)
      else if ((hold.until ?? 0) < now - staleMs && hold.probing === null)
        this.#drop(hold, 'it has been over for a day')
    }
    return holds.due(now, endedAtOnce).some((hold) => isOver(hold, now))
  }

  #endOver(hold: HoldRow): void {
    const further = hold.until === 0 || hold.cause !== 'budget' ? undefined : this.recheck(hold)
    if (further === undefined) this.#drop(hold, 'its time is over')
    else this.place(further)
  }

  /** An agent's conversations may be many: they are taken out bit by bit, and the row stays until that is done. */
  #drop(hold: HoldRow, why: string): void {
    const { holds, lanes } = this.#journal
    const others = holds.on(hold.scope, hold.name).filter((other) => !isSame(other, hold))
    if (hold.until !== 0) this.#journal.emit('completion:released', { ...this.#tell(hold), why })
    if (hold.scope === 'agent' && others.length === 0 && !lanes.takeSomeOut(parked + hold.name))
      return holds.setUntil(hold, 0)
    holds.remove(hold)
    if (hold.scope === 'conversation' && others.length === 0) lanes.takeOut(hold.name)
  }

  /** When, by the journal's clock, the next hold is over. */
  nextAt(): number | undefined {
    return this.#journal.holds.nextAfter(this.#journal.clock.now())
  }

  /** What is held, the widest first. */
  list(limit: number): EventReply<'completion:holds'> {
    const { holds } = this.#journal
    return { holds: holds.list(limit).map((hold) => this.#tell(hold)), total: holds.count() }
  }

  /** What is held for many at once: everything, providers, models. */
  wide(): Hold[] {
    return this.#journal.holds.wide().map((hold) => this.#tell(hold))
  }

  /** What keeps a request from being started. */
  of(row: RequestRow): Hold[] {
    const { model, agent_id, conversation } = row
    const about = { model, provider: providerName(model), agent_id, conversation }
    const now = this.#journal.clock.now()
    return this.#journal.holds
      .of(about)
      .filter((hold) => !isOver(hold, now))
      .map((hold) => this.#tell(hold))
  }

  #told(key: HoldKey): Hold {
    const hold = this.#journal.holds.get(key)
    if (hold === undefined) throw new Error('a hold is not where it was put')
    return this.#tell(hold)
  }

  #tell(hold: HoldRow): Hold {
    const { clock } = this.#journal
    return describeHold(hold, clock.now(), (at) => clock.toWall(at))
  }
}

function isSame(one: HoldKey, other: HoldKey): boolean {
  return one.scope === other.scope && one.name === other.name && one.cause === other.cause
}
