import type { z } from 'zod'
import { eventSpecs, pushSpecs } from '../../contracts/events.ts'
import type { EventSpec, PushSpec } from '../../contracts/events/spec.ts'
import type { EventContext } from '../wire/router.ts'

type Schemas = Record<string, z.ZodType>

/** What a module's handlers work with. */
export interface ModuleTools<P extends Schemas = Schemas> {
  /** Pushes one of the module's events to subscribers; undone with whatever else the handler does, if it fails. */
  push: <N extends keyof P & string>(name: N, data: z.output<P[N]>) => void
  readonly context: EventContext
}

type Given<R extends Schemas, N> = N extends keyof R ? z.output<R[N]> | Promise<z.output<R[N]>> : never
type Events<D extends Schemas, R extends Schemas, P extends Schemas> = {
  [N in keyof D]: {
    summary: string
    data: D[N]
    /** Run once, however often a client has to send it; then `handle` must not be asynchronous. */
    mutates?: true
    handle: (data: z.output<D[N]>, tools: ModuleTools<P>) => Given<R, N>
  }
} & { [N in keyof R]: { reply: R[N] } }

/** What a module's file says of it. */
export interface Definition<D extends Schemas, R extends Schemas, P extends Schemas> {
  /** The name of its file, and the namespace of its events. */
  name: string
  /** Of the state it collects; `restore` is told the version of the one it gets. */
  version: number
  events: Events<D, R, P>
  pushes?: { [N in keyof P]: { summary: string; data: P[N] } }
  /** Its state for a checkpoint, as JSON of at most 256 KiB; within 50 ms where it is a promise. */
  collect?: () => unknown
  /** Gets the newest state that was collected, also after a crash, before the daemon serves. */
  restore?: (state: unknown, version: number) => void | Promise<void>
}

export interface ModuleEvent extends EventSpec {
  handle: (data: never, tools: ModuleTools) => unknown
}

/** A module as the daemon registers it. */
export class Module {
  readonly name: string
  readonly version: number
  readonly events: ReadonlyMap<string, ModuleEvent>
  readonly pushes: ReadonlyMap<string, PushSpec>
  readonly collect: (() => unknown) | undefined
  readonly restore: ((state: unknown, version: number) => void | Promise<void>) | undefined

  constructor(parts: Pick<Module, 'name' | 'version' | 'events' | 'pushes' | 'collect' | 'restore'>) {
    this.name = parts.name
    this.version = parts.version
    this.events = parts.events
    this.pushes = parts.pushes
    this.collect = parts.collect
    this.restore = parts.restore
  }
}

const taken = new Set([...Object.keys(eventSpecs), ...Object.keys(pushSpecs)].map((name) => name.split(':')[0]))

/**
 * Defines an add-on module: a file `src/daemon/modules/NAME.ts` exports what this gives. Its events are there from the
 * save on, told by discovery and sent by name, and gone when the file goes.
 * @throws Error when its name or events are not its own: like any mistake in a file this makes the save fail
 */
export function defineModule<D extends Schemas, R extends Schemas, P extends Schemas = Record<string, z.ZodNever>>(
  definition: Definition<D, R, P>,
): Module {
  const { name, version, collect, restore } = definition
  if (!/^[a-z][a-z0-9_]*$/.test(name)) throw new Error(`"${name}" cannot be the name of a module: a-z, 0-9, _`)
  if (taken.has(name)) throw new Error(`The events ${name}:… are ksi's own: the module needs another name`)
  const events = Object.entries<Written>(definition.events).map(
    ([event, { reply, ...spec }]): [string, ModuleEvent] => [event, { ...spec, reply: () => reply }],
  )
  const pushes = Object.entries<{ summary: string; data: z.ZodType }>(definition.pushes ?? {}).map(
    ([push, { summary, data }]): [string, PushSpec] => [push, { summary, data: () => data }],
  )
  for (const [event] of [...events, ...pushes])
    if (!/^[a-z0-9_]+:[a-z0-9_:]+$/.test(event) || !event.startsWith(`${name}:`))
      throw new Error(`The event ${event} of the module ${name} must be called ${name}:SOMETHING`)
  return new Module({ name, version, events: new Map(events), pushes: new Map(pushes), collect, restore })
}

/** An event as a module's file has it. */
interface Written {
  summary: string
  data: z.ZodType
  reply: z.ZodType
  mutates?: true
  handle: (data: never, tools: ModuleTools) => unknown
}
