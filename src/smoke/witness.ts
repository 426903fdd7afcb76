import { EventHistory } from '../history/event-history.ts'
import { requestOf } from '../history/event.ts'
import type { HistoryEvent } from '../history/event.ts'
import { SubscriptionHistory } from '../history/subscription-history.ts'
import { sleep } from '../lib/backoff.ts'
import { messageOf } from '../lib/errors.ts'
import type { PlainClient } from './plain-client.ts'
import type { Stage } from './stage.ts'

const againMs = 20
/** For what is up to answer: a daemon that boots in a container, on a machine that does much else. */
const limitMs = 60_000

/** A client that is told everything from the beginning on, also what happens while it is away, and holds it to it. */
export class Witness {
  readonly history = new EventHistory()
  /** all it was told */
  readonly told: HistoryEvent[] = []
  /** requests that are, or were, with a provider */
  readonly started = new Set<string>()
  /** requests that were queued again */
  readonly again = new Set<string>()
  readonly #stage: Stage
  readonly #signal: AbortSignal
  #subscription: SubscriptionHistory | undefined
  #client: PlainClient | undefined
  #stray = 0

  constructor(stage: Stage, signal: AbortSignal) {
    this.#stage = stage
    this.#signal = signal
    signal.addEventListener('abort', () => this.#client?.close())
  }

  /** The seq up to which it was told. */
  get last(): number {
    return this.#subscription?.last ?? 0
  }

  /** What was missed, told twice, or answered though nobody asked, each a sentence. */
  get faults(): string[] {
    const { missed = 0, doubled = 0 } = this.#subscription ?? {}
    const stray = this.#stray + (this.#client?.stray ?? 0)
    return [
      ...this.history.faults,
      ...(missed > 0 ? [`${missed} events were missed`] : []),
      ...(doubled > 0 ? [`${doubled} events came twice`] : []),
      ...(stray > 0 ? [`${stray} replies came that nobody asked for`] : []),
    ]
  }

  /** Its connection; made again, going on where it was, when it was cut. @throws Error when nobody answers in time */
  async client(): Promise<PlainClient> {
    if (this.#client?.cut === false) return this.#client
    const stray = this.#client?.stray ?? 0
    this.#stray += stray
    this.#client = undefined
    for (const until = performance.now() + limitMs; ; await sleep(againMs, this.#signal))
      try {
        return (this.#client = await this.#connect())
      } catch (error) {
        this.#signal.throwIfAborted()
        if (performance.now() > until) throw new Error(`nobody answers: ${messageOf(error)}`, { cause: error })
      }
  }

  /** Whether the connection it had is there no more. */
  get isCut(): boolean {
    return this.#client?.cut ?? true
  }

  close(): void {
    this.#client?.close()
  }

  async #connect(): Promise<PlainClient> {
    const client = await this.#stage.connect()
    const early: HistoryEvent[] = []
    client.onPush = (push) => early.push(push)
    try {
      const since = this.#subscription?.last
      const reply = await client.request('monitor:subscribe', { event_patterns: ['*'], since })
      this.#subscription ??= new SubscriptionHistory(Number(reply['since']), true)
      if (Number(reply['last_seq']) < this.#subscription.last)
        this.history.fault(`the journal has ${String(reply['last_seq'])} events, of ${this.#subscription.last}`)
    } catch (error) {
      client.close()
      throw error
    }
    client.onPush = (push) => this.#take(push)
    for (const push of early) this.#take(push)
    return client
  }

  #take(push: HistoryEvent): void {
    this.told.push(push)
    if (this.#subscription?.take(push) !== true) return
    this.history.take(push)
    const id = requestOf(push)
    if (id === undefined) return
    if (push.data['status'] === 'calling_provider') this.started.add(id)
    if (push.event === 'completion:queued' && push.data['again'] === true) this.again.add(id)
  }
}
