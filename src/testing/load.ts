import { setTimeout as delay } from 'node:timers/promises'
import { finalEvents } from '../history/event.ts'
import { EventHistory } from '../history/event-history.ts'
import { checkReplies } from '../history/replies.ts'
import { checkRuns } from '../history/runs.ts'
import type { RunEnd } from '../history/runs.ts'
import { SubscriptionHistory } from '../history/subscription-history.ts'
import type { LoadReport } from './load-report.ts'
import { LoadSender } from './load-sender.ts'
import type { SentRequest } from './load-sender.ts'
import { randomFrom } from '../lib/random.ts'
import { WireClient } from './wire-client.ts'
import type { Push } from './wire-client.ts'

export interface LoadOptions {
  /** a Unix socket's path or a TCP port of this machine */
  address: string | number
  seed: number
  senders: number
  /** the last of them has a filter: only outcomes */
  subscribers: number
  /** a sender rests this long between two bursts, on average, in ms */
  restMs: number
  /** between two new connections, in ms */
  probeMs: number
  tag?: string
  /** what goes into each request, beside what this makes up */
  extra?: Record<string, unknown>
  /** the load whose connections were cut by the end of all: its requests and its place in the events are taken over */
  after?: Load
}

const probesAtOnce = 200
const statusAtOnce = 250

/** Clients at work: senders, subscribers, and new connections all the time; and a history of what they get. */
export class Load {
  readonly history: EventHistory
  /** Called with each event, in order, once. */
  onEvent: (push: Push) => void = () => {}
  readonly #options: LoadOptions
  readonly #senders: LoadSender[] = []
  readonly #subscribers: { client: WireClient; history: SubscriptionHistory }[] = []
  #prober: NodeJS.Timeout | undefined
  #probing = new Set<Promise<void>>()
  #probes = 0
  #refused = 0
  #cut = 0
  #slowest = 0
  #abandoned = false

  private constructor(options: LoadOptions) {
    this.#options = options
    this.history = options.after?.history ?? new EventHistory()
  }

  static async start(options: LoadOptions): Promise<Load> {
    const load = new Load(options)
    for (let i = 0; i < options.subscribers; i++) await load.#subscribe(i === 0, i > 0 && i === options.subscribers - 1)
    const random = randomFrom(options.seed)
    for (let i = 0; i < options.senders; i++) {
      const client = await WireClient.connect(options.address)
      const { tag = 'load', restMs, extra = {} } = options
      const onReply = (ms: number): void => load.#replied(ms)
      load.#senders.push(
        new LoadSender(client, {
          name: `${tag}${i}`,
          random: randomFrom(Math.floor(random() * 2 ** 32)),
          restMs,
          extra,
          onReply,
        }),
      )
    }
    load.#prober = setInterval(() => load.#probeSoon(), options.probeMs)
    return load
  }

  /** Requests that were acknowledged so far. */
  get acknowledged(): number {
    return this.#senders.reduce((sum, sender) => sum + sender.acknowledged, 0)
  }

  /** The slowest reply since this was last asked, in ms; waits, which are meant to take long, left out. */
  takeSlowest(): number {
    const slowest = this.#slowest
    this.#slowest = 0
    return slowest
  }

  /** From now on connections may be cut: all is about to be killed. */
  abandon(): void {
    this.#abandoned = true
    clearInterval(this.#prober)
  }

  /** Sends no more, waits until all is done, and compares. @param limitMs for that; what is not done then is lost */
  async finish(limitMs = 60_000): Promise<LoadReport> {
    clearInterval(this.#prober)
    const limit = performance.now() + limitMs
    await Promise.race([
      Promise.all([...this.#senders.map((sender) => sender.stop()), ...this.#probing]),
      delay(limitMs, undefined, { ref: false }),
    ])
    const sent = this.#allSent()
    const allTold = (): boolean =>
      this.#isEven() && [...sent].every(([id, { acknowledged }]) => !acknowledged || this.history.outcomes.has(id))
    while (!allTold() && performance.now() < limit) await delay(50)
    await this.#compareStatus(sent)
    return this.#report(sent)
  }

  /** Compares with what the runners wrote. @returns what is wrong */
  checkRuns(runs: readonly RunEnd[]): readonly string[] {
    const sent = this.#allSent()
    return checkRuns(
      runs.filter(({ request_id }) => sent.has(request_id)),
      (id) => sent.get(id)?.conversation,
      (id) => sent.get(id)?.tries ?? 0,
    )
  }

  [Symbol.dispose](): void {
    clearInterval(this.#prober)
    for (const sender of this.#senders) sender.close()
    for (const { client } of this.#subscribers) client.close()
  }

  #allSent(): Map<string, SentRequest> {
    const { after } = this.#options
    return new Map([
      ...(after === undefined ? [] : after.#allSent()),
      ...this.#senders.flatMap((sender) => [...sender.sent]),
    ])
  }

  async #subscribe(first: boolean, filtered: boolean): Promise<void> {
    const client = await WireClient.connect(this.#options.address)
    const early: Push[] = []
    client.onPush = (push) => early.push(push)
    const { after } = this.#options
    const before = after === undefined ? undefined : after.#subscribers[0]?.history.last
    const { since } = await client.request('monitor:subscribe', {
      event_patterns: filtered ? finalEvents : ['*'],
      since: before,
    })
    const history = new SubscriptionHistory(Number(since), !filtered)
    client.onPush = (push) => {
      if (!history.take(push) || !first) return
      this.history.take(push)
      this.onEvent(push)
    }
    for (const push of early) client.onPush(push)
    this.#subscribers.push({ client, history })
  }

  #replied(ms: number): void {
    this.#slowest = Math.max(this.#slowest, ms)
  }

  #probeSoon(): void {
    if (this.#probing.size >= probesAtOnce) return
    const probe = this.#probe().finally(() => this.#probing.delete(probe))
    this.#probing.add(probe)
  }

  async #probe(): Promise<void> {
    const begun = performance.now()
    let client: WireClient | undefined
    try {
      client = await WireClient.connect(this.#options.address)
      await client.request('system:health')
      this.#probes += 1
      this.#replied(performance.now() - begun)
    } catch (error) {
      if (this.#abandoned) return
      if (client === undefined) this.#refused += 1
      else this.#cut += 1
      this.history.fault(`a new connection: ${String(error)}`)
    } finally {
      client?.close()
    }
  }

  /** Whether all subscribers are as far as the first. */
  #isEven(): boolean {
    const [first, ...others] = this.#subscribers.map(({ history }) => history)
    return others.every(
      (other) => other.last >= (this.history.finalSeqs.at(-1) ?? 0) && other.last <= (first?.last ?? 0),
    )
  }

  /** Asks for every acknowledged request on a new connection, some hundred at a time. */
  async #compareStatus(sent: Map<string, SentRequest>): Promise<void> {
    using client = await WireClient.connect(this.#options.address)
    const ids = [...sent.keys()].filter((id) => sent.get(id)?.acknowledged)
    for (let from = 0; from < ids.length; from += statusAtOnce) {
      const slice = ids.slice(from, from + statusAtOnce)
      const statuses = await Promise.all(slice.map((request_id) => client.request('completion:status', { request_id })))
      for (const [i, status] of statuses.entries()) {
        const pushed = this.history.outcomes.get(slice[i] ?? '')
        if (status.status !== pushed?.state)
          this.history.fault(
            `${slice[i]} is ${String(status.status ?? status.error)} by status, ${pushed?.state} by event`,
          )
      }
    }
  }

  #report(sent: Map<string, SentRequest>): LoadReport {
    const acknowledged = [...sent].filter(([, request]) => request.acknowledged).map(([id]) => id)
    const clients = [...this.#senders.map(({ client }) => client), ...this.#subscribers.map(({ client }) => client)]
    const histories = this.#subscribers.map(({ history }) => history)
    return {
      requests: acknowledged.length,
      replies: sum(this.#senders.map(({ replies }) => replies)),
      probes: this.#probes,
      refused: this.#refused,
      cut: this.#cut + clients.filter(({ cut }) => cut).length,
      lost: this.history.unfinished(acknowledged).length + sum(this.#senders.map(({ unanswered }) => unanswered)),
      doubled: sum(clients.map(({ stray }) => stray)) + sum(histories.map(({ doubled }) => doubled)),
      missed: sum(histories.map(({ missed }) => missed)),
      failures: this.history.failures(),
      faults: this.#faults(sent),
    }
  }

  #faults(sent: Map<string, SentRequest>): string[] {
    const filtered = this.#subscribers.slice(1).filter(({ history }) => history.finalSeqs.length > 0)
    const differs = filtered.some(({ history }) => !history.toldOutcomes(this.history.finalSeqs))
    return [
      ...this.#senders.flatMap(({ faults }) => faults),
      ...this.history.faults,
      ...checkReplies(sent, this.history.outcomes),
      ...(differs ? ['the filtered subscriber was told other outcomes than the first one'] : []),
    ].slice(0, 50)
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0)
}
