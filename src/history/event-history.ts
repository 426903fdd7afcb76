import { lossReason, outcomeOf, requestOf } from './event.ts'
import type { HistoryEvent, Outcome } from './event.ts'
import { Faults } from './faults.ts'
import { QueueModel } from './queue-model.ts'

/**
 * Plays the events of one subscription, which leaves none out, through a model of the queues. Finds: order not kept,
 * two of a conversation running at once, a second outcome, a loss told twice, a request accepted twice, an end from
 * nowhere.
 */
export class EventHistory {
  readonly outcomes = new Map<string, Outcome>()
  /** seqs of the events that ended requests */
  readonly finalSeqs: number[] = []
  /** calls of providers that were announced */
  starts = 0
  readonly #faults = new Faults()
  readonly #conversations = new Map<string, QueueModel>()
  readonly #accepted = new Set<string>()
  #last = 0

  get accepted(): number {
    return this.#accepted.size
  }

  get faults(): readonly string[] {
    return this.#faults.found
  }

  /** Takes the next event. */
  take(told: HistoryEvent): void {
    const { seq, data } = told
    if (seq <= this.#last) this.fault(`event ${seq} came after ${this.#last}`)
    this.#last = seq
    const id = requestOf(told)
    if (id === undefined || typeof data['conversation'] !== 'string') return
    const wrong = this.#play(this.#modelOf(data['conversation']), id, told)
    if (wrong !== undefined) this.fault(`${id} (event ${seq}) ${wrong}`)
  }

  /** Notes what somebody else has found. */
  fault(text: string): void {
    this.#faults.add(text)
  }

  /** Those of these requests that have no outcome. */
  unfinished(ids: Iterable<string>): string[] {
    return [...ids].filter((id) => !this.outcomes.has(id))
  }

  /** How many requests failed, by reason. */
  failures(): Record<string, number> {
    const failed = [...this.outcomes.values()].filter(({ state }) => state === 'failed')
    const byReason = Map.groupBy(failed, ({ reason }) => reason ?? 'none')
    return Object.fromEntries(byReason.entries().map(([reason, all]) => [reason, all.length]))
  }

  #modelOf(conversation: string): QueueModel {
    const model = this.#conversations.get(conversation) ?? new QueueModel()
    this.#conversations.set(conversation, model)
    return model
  }

  #play(model: QueueModel, id: string, told: HistoryEvent): string | undefined {
    const { event, data } = told
    if (event === 'completion:queued') return data['again'] === true ? model.again(id) : this.#accept(model, id, told)
    if (event === 'completion:progress' && data['status'] === 'calling_provider') {
      this.starts += 1
      return model.start(id)
    }
    if (event === 'completion:progress' && data['status'] === 'retrying') return model.again(id)
    const outcome = outcomeOf(told)
    return outcome && this.#end(model, { id, seq: told.seq, outcome })
  }

  #accept(model: QueueModel, id: string, { seq, data }: HistoryEvent): string | undefined {
    const isKnown = this.#accepted.has(id)
    this.#accepted.add(id)
    model.accept({ id, rank: data['priority'] === 'INJECT' ? 1 : 2, accepted: seq })
    return isKnown ? 'was accepted twice' : undefined
  }

  #end(model: QueueModel, end: { id: string; seq: number; outcome: Outcome }): string | undefined {
    const { id, seq, outcome } = end
    const before = this.outcomes.get(id)
    this.outcomes.set(id, outcome)
    this.finalSeqs.push(seq)
    const wrong = model.end(id, outcome.state === 'completed')
    if (before === undefined) return wrong
    if (before.reason === lossReason && outcome.reason === lossReason) return 'was told of as lost a second time'
    return `has a second outcome: ${outcome.state} after ${before.state}`
  }
}
