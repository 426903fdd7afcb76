import type { EventData, EventReply, PushData, PushName } from '../../contracts/events.ts'
import type { FrameToFront, Standing } from '../../contracts/relay.ts'
import type { WirePush } from '../../contracts/wire.ts'
import { KsiError } from '../../lib/errors.ts'
import type { JournalEvent } from '../../store/journal.ts'
import type { Core } from '../core.ts'
import { globMatcher } from '../../lib/glob.ts'
import type { ConnectionListener } from '../wire/relay-server.ts'
import type { EventContext } from '../wire/router.ts'

interface Subscription {
  connection: number
  /** what the client calls itself */
  client: string | null
  patterns: string[]
  matches: (name: string) => boolean
  /** Everything up to this seq was pushed or did not match. */
  cursor: number
  paused: boolean
  /** False until the reply to the subscribing request is out. */
  started: boolean
}

/** Events are read from the journal in pages of at most this size. */
const page = { events: 500, bytes: 1_048_576 }
/** So much of the newest events is kept in memory, serialised once for all subscribers; past twice that it is cut. */
const tail = { events: 2_000, bytes: 8_388_608 }

/**
 * Pushes events to subscribers. A subscription is a cursor in the outbox, so a slow reader costs nothing but its
 * place, and after a change of generation it goes on where it was: nothing is missed, nothing comes twice.
 */
export class Monitor implements ConnectionListener {
  readonly #core: Core
  #send: (frame: FrameToFront) => boolean = () => true
  /** The relay has enough for now: those who are owed more get it when it has drained. */
  #full = false
  #subscriptions = new Map<number, Subscription>()
  #tail: { seq: number; name: string; line: string }[] = []
  #tailBytes = 0

  constructor(core: Core) {
    this.#core = core
    core.journal.onEvents((events) => this.#onEvents(events))
    const service = 'monitor'
    core.router.on('monitor:subscribe', (data, context) => this.#subscribe(data, context), { service })
    core.router.on('monitor:unsubscribe', (_data, { connection }) => this.#unsubscribe(connection?.id), { service })
  }

  /**
   * Where pushes go, once the relay is there. `send` says false when it has enough; `drained` is called when it can
   * take more.
   */
  connect(send: (frame: FrameToFront) => boolean): void {
    this.#send = send
  }

  closed(connection: number): void {
    this.#subscriptions.delete(connection)
  }

  paused(connection: number, paused: boolean): void {
    const subscription = this.#subscriptions.get(connection)
    if (subscription === undefined) return
    subscription.paused = paused
    this.#pump(subscription)
  }

  drained(): void {
    this.#full = false
    for (const subscription of this.#subscriptions.values()) this.#pump(subscription)
  }

  restore(connection: number, seq: number, { events }: Standing): void {
    if (events !== undefined) {
      const patterns = Array.isArray(events.event_patterns) ? events.event_patterns.map(String) : ['*']
      const client = typeof events.client_id === 'string' ? events.client_id : null
      this.#start(this.#add({ connection, client, patterns }, seq))
    }
    // The front wants to know that this did no harm.
    this.#send({ kind: 'U', connection, seq: this.#subscriptions.get(connection)?.cursor ?? -1 })
  }

  /** Tells the front how far each subscription has come: called when this generation lets go. */
  reportCursors(): void {
    for (const { connection, cursor } of this.#subscriptions.values())
      this.#send({ kind: 'U', connection, seq: cursor })
  }

  /** Who follows what, and whether something has not been pushed yet. */
  followers(): { name: string; patterns: string[]; behind: boolean }[] {
    const last = this.#core.events.lastSeq()
    return [...this.#subscriptions.values()].map(({ connection, client, patterns, cursor }) => ({
      name: client ?? `connection ${connection}`,
      patterns,
      behind: cursor < last,
    }))
  }

  #subscribe(data: EventData<'monitor:subscribe'>, context: EventContext): EventReply<'monitor:subscribe'> {
    const connection = context.connection?.id
    const client = data.client_id ?? context.clientId
    if (connection === undefined) throw new KsiError('KSI_BAD_REQUEST', 'monitor:subscribe needs a connection')
    const patterns = data.event_patterns
    const last = this.#core.events.lastSeq()
    const since = data.since === undefined ? last : Math.min(data.since, last)
    this.#core.journal.afterCommit(() => {
      // Before the reply: the front takes it as the sign that the subscription stands.
      this.#send({ kind: 'U', connection, seq: since })
      const subscription = this.#add({ connection, client, patterns }, since)
      // After the reply: the first line on a connection is always the reply to its first request.
      setImmediate(() => this.#start(subscription))
    })
    return { status: 'subscribed', client_id: client, patterns, since, last_seq: last }
  }

  #unsubscribe(connection: number | undefined): EventReply<'monitor:unsubscribe'> {
    if (connection === undefined || !this.#subscriptions.delete(connection)) return { status: 'not_subscribed' }
    this.#core.journal.afterCommit(() => this.#send({ kind: 'U', connection, seq: -1 }))
    return { status: 'unsubscribed' }
  }

  #add(who: Pick<Subscription, 'connection' | 'client' | 'patterns'>, cursor: number): Subscription {
    const subscription: Subscription = {
      ...who,
      matches: globMatcher(who.patterns),
      cursor,
      paused: false,
      started: false,
    }
    this.#subscriptions.set(who.connection, subscription)
    return subscription
  }

  #start(subscription: Subscription): void {
    subscription.started = true
    this.#pump(subscription)
  }

  /** Says it when events the subscriber has not seen are kept no longer: nothing is dropped silently. */
  #tellGap(subscription: Subscription): void {
    const first = this.#core.events.firstSeq()
    if (subscription.cursor + 1 >= first) return
    const data: PushData<'monitor:gap'> = { from: subscription.cursor + 1, to: first - 1 }
    const gap: JournalEvent = { seq: first - 1, name: 'monitor:gap' satisfies PushName, at: Date.now(), data }
    this.#push(subscription, gap.seq, toLine(gap))
    subscription.cursor = gap.seq
  }

  #onEvents(events: JournalEvent[]): void {
    for (const event of events) {
      const line = toLine(event)
      this.#tail.push({ seq: event.seq, name: event.name, line })
      this.#tailBytes += line.length
    }
    for (const subscription of this.#subscriptions.values()) this.#pump(subscription)
    if (this.#tail.length > tail.events * 2 || this.#tailBytes > tail.bytes * 2) this.#cutTail()
  }

  #cutTail(): void {
    let from = Math.max(0, this.#tail.length - tail.events)
    for (let bytes = this.#tail.slice(from).reduce((sum, { line }) => sum + line.length, 0); bytes > tail.bytes; from++)
      bytes -= this.#tail[from]?.line.length ?? 0
    this.#tail = this.#tail.slice(from)
    this.#tailBytes = this.#tail.reduce((sum, { line }) => sum + line.length, 0)
  }

  #pump(subscription: Subscription): void {
    if (
      this.#full ||
      !subscription.started ||
      subscription.paused ||
      this.#subscriptions.get(subscription.connection) !== subscription
    )
      return
    const oldest = this.#tail[0]
    if (oldest !== undefined && subscription.cursor + 1 >= oldest.seq) this.#pumpTail(subscription, oldest.seq)
    else this.#pumpPage(subscription)
  }

  #pumpPage(subscription: Subscription): void {
    this.#tellGap(subscription)
    const events = this.#core.events.after(subscription.cursor, page.events, page.bytes)
    for (const event of events) {
      if (this.#full) return
      subscription.cursor = event.seq
      if (subscription.matches(event.name)) this.#push(subscription, event.seq, toLine(event))
    }
    // A long way to go: others get their turn, and the front a chance to say that this reader is slow.
    if (events.length > 0 && subscription.cursor < this.#core.events.lastSeq())
      setImmediate(() => this.#pump(subscription))
  }

  #pumpTail(subscription: Subscription, oldestSeq: number): void {
    // Seqs in the tail have no holes, so the place follows from the number.
    for (let i = Math.max(0, subscription.cursor + 1 - oldestSeq); i < this.#tail.length; i++) {
      const event = this.#tail[i]
      if (event === undefined || this.#full) return
      subscription.cursor = event.seq
      if (subscription.matches(event.name)) this.#push(subscription, event.seq, event.line)
    }
  }

  #push(subscription: Subscription, seq: number, line: string): void {
    this.#full = !this.#send({ kind: 'P', connection: subscription.connection, seq, json: line })
  }
}

function toLine({ seq, name, at, data }: JournalEvent): string {
  const push: WirePush = { event: name, event_name: name, seq, timestamp: at / 1000, data }
  return JSON.stringify(push)
}
