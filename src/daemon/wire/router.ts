import type { EventData, EventName, EventReply, FrontEventName } from '../../contracts/events.ts'
import type { LifecycleData, LifecycleName } from '../../contracts/events.ts'
import type { EventSpec, PushSpec } from '../../contracts/events/spec.ts'
import type { ConnectionInfo } from '../../contracts/relay.ts'

/** Lower runs first. */
export const eventPriority = { NORMAL: 50, LOW: 90 } as const
export type EventPriority = (typeof eventPriority)[keyof typeof eventPriority]

/** Who sent an event, and how. */
export interface EventContext {
  connection: (ConnectionInfo & { id: number }) | null
  eventId: string
  clientId: string | null
  agentId: string | null
}

/** The context of events the daemon sends to itself. */
export const internalContext: EventContext = { connection: null, eventId: '', clientId: null, agentId: null }

/** What the daemon handles: its part of the contract, and what it says to itself. */
export type HandledName = Exclude<EventName, FrontEventName> | LifecycleName
type DataOf<N extends HandledName> = N extends LifecycleName
  ? LifecycleData<N>
  : N extends EventName
    ? EventData<N>
    : never
type ReplyOf<N extends HandledName> = N extends LifecycleName ? void : N extends EventName ? EventReply<N> : never
export type Handler<N extends HandledName> = (
  data: DataOf<N>,
  context: EventContext,
) => ReplyOf<N> | undefined | Promise<ReplyOf<N> | undefined>

interface Registration {
  event: string
  handler: (data: never, context: EventContext) => unknown
  priority: EventPriority
  service: string
}

interface Options {
  /** Who it belongs to, for listings. */
  service: string
  priority?: EventPriority
}

/** Handlers by event name. Results keep the order of priority; null and undefined are dropped. */
export class EventRouter {
  #registrations: Registration[] = []
  readonly #handlers = new Map<string, Registration[]>()
  readonly #added = new Map<string, EventSpec>()
  /** What add-on modules push. */
  readonly pushes = new Map<string, PushSpec>()
  /** Sees every result before it is given; set by tests, which compare it with the contract. */
  inspect: ((event: string, result: unknown) => void) | undefined

  /** Registers a handler of an event of the contract. */
  on<N extends HandledName>(event: N, handler: Handler<N>, options: Options): void {
    this.#register({ event, handler, priority: options.priority ?? eventPriority.NORMAL, service: options.service })
  }

  /** Registers a handler of an event that an add-on module brings along. */
  add(event: string, spec: EventSpec, handler: (data: never, context: EventContext) => unknown, service: string): void {
    this.#added.set(event, spec)
    this.#register({ event, handler, priority: eventPriority.NORMAL, service })
  }

  /** The events of add-on modules. */
  get added(): ReadonlyMap<string, EventSpec> {
    return this.#added
  }

  /** All handlers, in order of priority. */
  handlers(): readonly Pick<Registration, 'event' | 'service' | 'priority'>[] {
    return this.#registrations
  }

  /** Services with the events they handle. */
  services(): Record<string, string[]> {
    const services: Record<string, string[]> = {}
    for (const { service, event } of this.#registrations) (services[service] ??= []).push(event)
    return services
  }

  /**
   * Runs all handlers of an event with data its schema has let pass. The results come at once when every handler is
   * synchronous, else as a promise. When handlers throw and none gave a result, the first error is thrown on.
   */
  emit(
    event: string,
    data: Record<string, unknown>,
    context: EventContext = internalContext,
  ): unknown[] | Promise<unknown[]> {
    const results: unknown[] = []
    const errors: unknown[] = []
    for (const { handler } of this.#handlers.get(event) ?? []) {
      try {
        results.push(handler(data as never, context))
      } catch (error) {
        errors.push(error)
      }
    }
    if (results.some((result) => result instanceof Promise))
      return Promise.allSettled(results).then((settled) => this.#settle(event, settled, errors))
    return this.#conclude(event, results, errors)
  }

  /**
   * Runs the handlers one after the other in order of priority, awaiting each; the first error ends it. For the
   * lifecycle.
   */
  async emitInOrder<N extends LifecycleName>(event: N, data: LifecycleData<N>): Promise<void> {
    for (const { handler } of this.#handlers.get(event) ?? []) await handler(data as never, internalContext)
  }

  #register(registration: Registration): void {
    const { event } = registration
    // The sort is stable: within a priority the order of registration stays.
    const byPriority = (a: Registration, b: Registration): number => a.priority - b.priority
    this.#registrations = [...this.#registrations, registration].sort(byPriority)
    this.#handlers.set(
      event,
      this.#registrations.filter((one) => one.event === event),
    )
  }

  #settle(event: string, settled: PromiseSettledResult<unknown>[], errors: unknown[]): unknown[] {
    const results: unknown[] = []
    for (const item of settled) {
      if (item.status === 'fulfilled') results.push(item.value)
      else errors.push(item.reason)
    }
    return this.#conclude(event, results, errors)
  }

  #conclude(event: string, results: unknown[], errors: unknown[]): unknown[] {
    const given = results.filter((result) => result !== null && result !== undefined)
    if (given.length === 0 && errors.length > 0) throw errors[0]
    if (this.inspect !== undefined) for (const result of given) this.inspect(event, result)
    return given
  }
}
