import { randomUUIDv7 } from 'node:crypto'
import { z } from 'zod'
import { eventSpec, eventSpecs, pushSpec, pushSpecs } from '../../contracts/events.ts'
import type { EventData } from '../../contracts/events.ts'
import type {
  AgentAnswer,
  DiscoverListing,
  DiscoverSummary,
  EventDescription,
  FullDescription,
  Help,
  Listing,
  McpTool,
  Parameter,
  PushDescription,
} from '../../contracts/events/discovery.ts'
import { examplesOf } from '../../contracts/examples.ts'
import { constantResult } from '../../contracts/wire.ts'
import type { EventSpec, PushSpec } from '../../contracts/events/spec.ts'
import { KsiError } from '../../lib/errors.ts'
import { globMatcher } from '../../lib/glob.ts'
import { similarNames } from '../../lib/nearest-names.ts'
import type { Core } from '../core.ts'
import { registerListings } from './listings.ts'
import { parametersOf } from './parameters.ts'
import type { EventContext } from './router.ts'

type Specs = [string, EventSpec][]
type Pushes = [string, PushSpec][]

/** `system:discover`, `system:help` and the listings KSI's clients ask for (docs/wire.md, "Discovery"). */
export function registerDiscovery(core: Core): void {
  const service = 'discovery'
  const { router } = core
  const listings = new Listings(core)
  router.on('system:discover', (data, by) => forAgent('discovery:results', listings.of(data), by), { service })
  router.on('system:help', (data, by) => forAgent('help:results', help(core, data), by), { service })
  registerListings(core)
}

/** The listings of everything, each made once: they are asked for by every client, and long. */
class Listings {
  readonly #core: Core
  readonly #made = new Map<string, Listing>()

  constructor(core: Core) {
    this.#core = core
  }

  of(data: EventData<'system:discover'>): Listing {
    const { namespace, event, module, level, detail, format_style } = data
    const isFiltered = namespace !== undefined || event !== undefined || module !== undefined
    if (isFiltered || detail === true || format_style === 'mcp') return discover(this.#core, data)
    // Modules add theirs while a generation starts.
    const { added, pushes } = this.#core.router
    const name = `${level} ${added.size} ${pushes.size}`
    const known = this.#made.get(name) ?? constantResult(discover(this.#core, data))
    this.#made.set(name, known)
    return known
  }
}

function discover(core: Core, data: EventData<'system:discover'>): Listing {
  const { namespace, event, module, detail, format_style } = data
  // As in KSI, whoever asks for detail, or for tools, is told all of what is asked for, by name.
  const level = detail === true || format_style === 'mcp' ? 'full' : data.level
  const matches = event === undefined ? () => true : globMatcher([event])
  const wanted = (name: string, of = namespaceOf(name)): boolean =>
    matches(name) &&
    (namespace === undefined || namespaceOf(name) === namespace) &&
    (module === undefined || of === module)
  const all: Specs = [...Object.entries(eventSpecs), ...core.router.added]
  const specs = all.filter(([name, spec]) => wanted(name, moduleOf(name, spec)))
  const pushes: Pushes = [...Object.entries(pushSpecs), ...core.router.pushes].filter(([name]) => wanted(name))
  const _filters = { namespace: namespace ?? null, event: event ?? null, module: module ?? null }
  if (level === 'summary') return summarize(specs, pushes, _filters)
  return list({ specs, pushes, tell: tellerOf(level, format_style === 'mcp') }, level, _filters)
}

interface Listed {
  specs: Specs
  pushes: Pushes
  tell: (name: string, spec: EventSpec) => DiscoverListing['events'][string]
}

function tellerOf(level: DiscoverListing['_level'], asTools: boolean): Listed['tell'] {
  if (asTools) return toTool
  return level === 'full' ? describeFully : (_name, { summary }) => ({ summary })
}

function list(
  { specs, pushes, tell }: Listed,
  level: DiscoverListing['_level'],
  _filters: DiscoverListing['_filters'],
): DiscoverListing {
  return {
    events: Object.fromEntries(specs.map(([name, spec]) => [name, tell(name, spec)])),
    total: specs.length,
    namespaces: [...new Set(specs.map(([name]) => namespaceOf(name)))],
    _level: level,
    _filters,
    pushes: Object.fromEntries(
      pushes.map(([name, spec]) => [name, level === 'full' ? describePush(name, spec) : { summary: spec.summary }]),
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

function help(core: Core, { event, format_style }: EventData<'system:help'>): Help {
  const spec = eventSpec(event) ?? core.router.added.get(event)
  if (spec !== undefined) return format_style === 'mcp' ? toTool(event, spec) : helpOf(event, spec)
  const push = pushSpec(event) ?? core.router.pushes.get(event)
  if (push !== undefined) return { ...describePush(event, push), pushed: true }
  const similar = similarNames(event, [...Object.keys(eventSpecs), ...core.router.added.keys()])
  throw new KsiError('KSI_NOT_FOUND', `Event not found: ${event}`, { details: { similar } })
}

function helpOf(event: string, spec: EventSpec): Help {
  const told = describeFully(event, spec)
  const needs = Object.keys(told.parameters).filter((name) => told.parameters[name]?.required === true)
  const examples = examplesOf(event, spec.summary, needs)
  return { ...told, triggers: [], examples, usage: { event, data: examples[0]?.data ?? {} } }
}

/** An event as the Model Context Protocol describes a tool. */
function toTool(event: string, spec: EventSpec): McpTool {
  const schema = z.toJSONSchema(spec.data, { io: 'input', unrepresentable: 'any' })
  const { properties = {}, required = [] } = schema
  return { name: event, description: spec.summary, inputSchema: { type: 'object', properties, required } }
}

/** KSI's agents, and claude itself, get what they ask for as the use of a tool. */
function forAgent<R extends Listing | Help>(name: AgentAnswer['name'], reply: R, by: EventContext): R | AgentAnswer {
  if (by.agentId === null && by.clientId !== 'claude-code') return reply
  return { type: 'ksi_tool_use', id: `ksiu_${randomUUIDv7()}`, name, input: { ...reply } }
}

function describe(event: string, spec: EventSpec): EventDescription {
  return {
    event,
    module: moduleOf(event, spec),
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

function moduleOf(event: string, spec: EventSpec): string {
  return spec.front === true ? 'front' : namespaceOf(event)
}

function namespaceOf(event: string): string {
  return event.split(':')[0] ?? ''
}
