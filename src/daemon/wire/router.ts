import type { ConnectionInfo } from '../../contracts/relay.ts'

/** Lower runs first. */
export const eventPriority = { HIGHEST: 0, HIGH: 10, NORMAL: 50, LOW: 90, LOWEST: 100 } as const

/** Who sent an event, and how. */
export interface EventContext {
  connection: (ConnectionInfo & { id: number }) | null
  eventId: string
  clientId: string | null
  agentId: string | null
}

/** The context of events the daemon sends to itself. */
export const internalContext: EventContext = { connection: null, eventId: '', clientId: null, agentId: null }

export type Handler = (data: Record<string, unknown>, context: EventContext) => unknown

interface Registration {
  pattern: string
  matches: (event: string) => boolean
  handler: Handler
  priority: number
  service: string
}

/**
 * Handlers by event name. A pattern is a name, `*` for all, or as many segments as the name, each literal or `*`
 * (ksi-wire §2.1). Results keep the order of priority; null and undefined are dropped.
 */
export class EventRouter {
  #registrations: Registration[] = []

  /** Registers a handler. `service` names who it belongs to, for listings. */
  on(pattern: string, handler: Handler, options: { service: string; priority?: number }): void {
    const registration = {
      pattern,
      matches: matcherOf(pattern),
      handler,
      priority: options.priority ?? eventPriority.NORMAL,
      service: options.service,
    }
    this.#registrations.push(registration)
    // The sort is stable: within a priority the order of registration stays.
    this.#registrations.sort((a, b) => a.priority - b.priority)
  }

  has(event: string): boolean {
    return this.#registrations.some((registration) => registration.matches(event))
  }

  /** Services with the events they handle. */
  services(): Record<string, string[]> {
    const services: Record<string, string[]> = {}
    for (const { service, pattern } of this.#registrations) (services[service] ??= []).push(pattern)
    return services
  }

  /**
   * Runs all handlers of an event. The results come at once when every handler is synchronous, else as a promise.
   * When handlers throw and none gave a result, the first error is thrown on.
   */
  emit(
    event: string,
    data: Record<string, unknown>,
    context: EventContext = internalContext,
  ): unknown[] | Promise<unknown[]> {
    const results: unknown[] = []
    const errors: unknown[] = []
    for (const { handler, matches } of this.#registrations) {
      if (!matches(event)) continue
      try {
        results.push(handler(data, context))
      } catch (error) {
        errors.push(error)
      }
    }
    if (results.some((result) => result instanceof Promise))
      return Promise.allSettled(results).then((settled) => settle(settled, errors))
    return conclude(results, errors)
  }

  /**
   * Runs the handlers one after the other in order of priority, awaiting each; the first error ends it. For the
   * lifecycle.
   */
  async emitInOrder(event: string, data: Record<string, unknown>): Promise<void> {
    for (const { handler, matches } of this.#registrations) if (matches(event)) await handler(data, internalContext)
  }
}

function settle(settled: PromiseSettledResult<unknown>[], errors: unknown[]): unknown[] {
  const results: unknown[] = []
  for (const item of settled) {
    if (item.status === 'fulfilled') results.push(item.value)
    else errors.push(item.reason)
  }
  return conclude(results, errors)
}

function conclude(results: unknown[], errors: unknown[]): unknown[] {
  const given = results.filter((result) => result !== null && result !== undefined)
  if (given.length === 0 && errors.length > 0) throw errors[0]
  return given
}

function matcherOf(pattern: string): (event: string) => boolean {
  if (pattern === '*') return () => true
  if (!pattern.includes('*')) return (event) => event === pattern
  const parts = pattern.split(':')
  return (event) => {
    const segments = event.split(':')
    return segments.length === parts.length && parts.every((part, i) => part === '*' || part === segments[i])
  }
}
