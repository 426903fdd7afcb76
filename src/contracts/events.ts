import type { z } from 'zod'
import { agentEvents, agentPushes } from './events/agents.ts'
import { completionEvents, completionPushes } from './events/completion.ts'
import { conversationEvents } from './events/conversations.ts'
import { checkpointPushes, devEvents } from './events/dev.ts'
import { discoveryEvents } from './events/discovery.ts'
import { holdEvents, holdPushes } from './events/holds.ts'
import { listingEvents } from './events/listings.ts'
import { monitorEvents, monitorPushes } from './events/monitor.ts'
import { providerEvents } from './events/providers.ts'
import { eventLogEvents } from './events/event-log.ts'
import type { EventSpec, Named, PushSpec } from './events/spec.ts'
import { streamEvents, streamPushes } from './events/stream.ts'
import { systemEvents, systemPushes } from './events/system.ts'
import type { lifecycle } from './events/system.ts'

/** Every event of ksi itself that a client can send, by name: what `system:discover` and `system:help` tell. */
export const eventSpecs = {
  ...completionEvents,
  ...streamEvents,
  ...providerEvents,
  ...agentEvents,
  ...conversationEvents,
  ...holdEvents,
  ...monitorEvents,
  ...eventLogEvents,
  ...systemEvents,
  ...discoveryEvents,
  ...devEvents,
  ...listingEvents,
} as const satisfies Record<string, EventSpec>

/** Every event of ksi itself that is pushed to subscribers. */
export const pushSpecs = {
  ...completionPushes,
  ...streamPushes,
  ...holdPushes,
  ...checkpointPushes,
  ...systemPushes,
  ...monitorPushes,
  ...agentPushes,
} as const satisfies Record<string, PushSpec>

type Specs = typeof eventSpecs
type Pushes = typeof pushSpecs
type Lifecycle = typeof lifecycle

export type EventName = keyof Specs
/** What a client sends. */
export type EventInput<N extends EventName> = Named<z.input<Specs[N]['data']>>
/** What its handler gets: checked, with defaults. Parameters the contract does not name have no type. */
export type EventData<N extends EventName> = Named<z.output<Specs[N]['data']>>
export type EventReply<N extends EventName> = z.output<ReturnType<Specs[N]['reply']>>

export type PushName = keyof Pushes
export type PushData<N extends PushName> = z.output<ReturnType<Pushes[N]['data']>>

export type LifecycleName = keyof Lifecycle
export type LifecycleData<N extends LifecycleName> = z.output<ReturnType<Lifecycle[N]>>

/** Events the supervisor answers; all others are the live generation's. */
export type FrontEventName = { [N in EventName]: Specs[N] extends { front: true } ? N : never }[EventName]

/** Looks an event up by any name. */
export function eventSpec(name: string): EventSpec | undefined {
  return isEventName(name) ? eventSpecs[name] : undefined
}

/** Looks a pushed event up by any name. */
export function pushSpec(name: string): PushSpec | undefined {
  return isPushName(name) ? pushSpecs[name] : undefined
}

function isEventName(name: string): name is EventName {
  return Object.hasOwn(eventSpecs, name)
}

function isPushName(name: string): name is PushName {
  return Object.hasOwn(pushSpecs, name)
}
