import type { z } from 'zod'
import { eventSpec, eventSpecs, pushSpec, pushSpecs } from '../../contracts/events.ts'
import type { EventData, EventReply } from '../../contracts/events.ts'
import type {
  DiscoverListing,
  DiscoverSummary,
  EventDescription,
  FullDescription,
  Parameter,
  PushDescription,
} from '../../contracts/events/discovery.ts'
import { constantResult } from '../../contracts/wire.ts'
import type { EventSpec, PushSpec } from '../../contracts/events/spec.ts'
import { KsiError } from '../../lib/errors.ts'
import { globMatcher } from '../../lib/glob.ts'
import { similarNames } from '../../lib/nearest-names.ts'
import type { Core } from '../core.ts'
import { parametersOf } from './parameters.ts'

type Specs = [string, EventSpec][]
type Pushes = [string, PushSpec][]

/** `system:discover`, `system:help` and the listings KSI's clients ask for (docs/wire.md, "Discovery"). */
export function registerDiscovery(core: Core): void {
  const service = 'discovery'
  const { router } = core
  const listings = new Listings(core)
  router.on('system:discover', (data) => listings.of(data), { service })
  router.on('system:help', (data) => help(core, data.event), { service })
  router.on('permission:list_profiles', () => ({ profiles: {}, count: 0 }), { service })
  router.on('module:list', () => listModules(core), { service })
}

function listModules(core: Core): EventReply<'module:list'> {
  const modules = Object.entries(core.router.services()).map(([name, events]) => ({
    name,
    handlers: events.length,
    events,
  }))
  return { modules, count: modules.length }
}

/** The listings of everything, each made once: they are asked for by every client, and long. */
class Listings {
  readonly #core: Core
  readonly #made = new Map<string, EventReply<'system:discover'>>()

  constructor(core: Core) {
    this.#core = core
  }

  of(data: EventData<'system:discover'>): EventReply<'system:discover'> {
    const { namespace, event, module, level } = data
    if (namespace !== undefined || event !== undefined || module !== undefined) return discover(this.#core, data)
    // Modules add theirs while a generation starts.
    const { added, pushes } = this.#core.router
    const name = `${level} ${added.size} ${pushes.size}`
    const known = this.#made.get(name) ?? constantResult(discover(this.#core, data))
    this.#made.set(name, known)
    return known
  }
}

function discover(core: Core, data: EventData<'system:discover'>): EventReply<'system:discover'> {
  const { namespace, event, module, level } = data
  const matches = event === undefined ? () => true : globMatcher([event])
  const wanted = (name: string): boolean =>
    matches(name) && (namespace === undefined || namespaceOf(name) === namespace)
  const specs: Specs = [...Object.entries(eventSpecs), ...core.router.added].filter(([name]) => wanted(name))
  const pushes: Pushes = [...Object.entries(pushSpecs), ...core.router.pushes].filter(([name]) => wanted(name))
  const _filters = { namespace: namespace ?? null, event: event ?? null, module: module ?? null }
  return level === 'summary' ? summarize(specs, pushes, _filters) : list(specs, pushes, level, _filters)
}

function list(
  specs: Specs,
  pushes: Pushes,
  level: DiscoverListing['_level'],
  _filters: DiscoverListing['_filters'],
): DiscoverListing {
  const full = level === 'full'
  return {
    events: Object.fromEntries(
      specs.map(([name, spec]) => [name, full ? describeFully(name, spec) : { summary: spec.summary }]),
    ),
    total: specs.length,
    namespaces: [...new Set(specs.map(([name]) => namespaceOf(name)))],
    _level: level,
    _filters,
    pushes: Object.fromEntries(
      pushes.map(([name, spec]) => [name, full ? describePush(name, spec) : { summary: spec.summary }]),
    ),
  }
}

function summarize(specs: Specs, pushes: Pushes, _filters: DiscoverSummary['_filters']): DiscoverSummary {
  const namespaces: DiscoverSummary['namespaces'] = {}
  const events: DiscoverSummary['events'] = {}
  for (const [name, spec] of specs) {
    const namespace = namespaceOf(name)
    const entry = (namespaces[namespace] ??= { count: 0, description: `${namespace} events` })
    entry.count += 1
    const list = (events[namespace] ??= [])
    list.push(describe(name, spec))
  }
  return {
    namespaces,
    total_namespaces: Object.keys(namespaces).length,
    total_events: specs.length,
    _level: 'summary',
    _filters,
    events,
    pushed_events: Object.fromEntries(pushes.map(([name, { summary }]) => [name, summary])),
  }
}

function help(core: Core, event: string): EventReply<'system:help'> {
  const spec = eventSpec(event) ?? core.router.added.get(event)
  if (spec !== undefined)
    return { ...describeFully(event, spec), triggers: [], examples: [], usage: { event, data: {} } }
  const push = pushSpec(event) ?? core.router.pushes.get(event)
  if (push !== undefined) return { ...describePush(event, push), pushed: true }
  const similar = similarNames(event, [...Object.keys(eventSpecs), ...core.router.added.keys()])
  throw new KsiError('KSI_NOT_FOUND', `Event not found: ${event}`, { details: { similar } })
}

function describe(event: string, spec: EventSpec): EventDescription {
  return {
    event,
    module: spec.front === true ? 'front' : namespaceOf(event),
    handler: event,
    async: false,
    summary: spec.summary,
    parameters: parametersOf(spec.data),
  }
}

function describeFully(event: string, spec: EventSpec): FullDescription {
  return { ...describe(event, spec), reply: told(spec.reply) }
}

function describePush(event: string, spec: PushSpec): PushDescription {
  return { event, summary: spec.summary, parameters: told(spec.data) }
}

const made = new WeakMap<() => z.ZodType, Record<string, Parameter>>()

/** The fields of a schema that is made only when it is asked for: once. */
function told(make: () => z.ZodType): Record<string, Parameter> {
  const known = made.get(make) ?? parametersOf(make())
  made.set(make, known)
  return known
}

function namespaceOf(event: string): string {
  return event.split(':')[0] ?? ''
}
