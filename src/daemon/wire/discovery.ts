import { eventSpec, eventSpecs, pushedEvents } from '../../contracts/events.ts'
import type { EventSpec } from '../../contracts/events.ts'
import { KsiError } from '../../lib/errors.ts'
import type { Core } from '../core.ts'
import { globMatcher } from '../../lib/glob.ts'
import { parametersOf } from './parameters.ts'
import type { Parameter } from './parameters.ts'
import { similarNames } from '../../lib/nearest-names.ts'

interface Description {
  event: string
  module: string
  summary: string
  parameters: Record<string, Parameter>
}

/** `system:discover`, `system:help` and the listings KSI's clients ask for (ksi-wire §1.5, §2.4). */
export function registerDiscovery(core: Core): void {
  const service = 'discovery'
  core.router.on('system:discover', (data) => discover(data), { service })
  core.router.on('system:help', (data) => help(String(data.event)), { service })
  core.router.on('permission:list_profiles', () => ({ profiles: {}, count: 0 }), { service })
  core.router.on(
    'module:list',
    () => {
      const modules = Object.entries(core.router.services()).map(([name, events]) => ({
        name,
        handlers: events.length,
        events,
      }))
      return { modules, count: modules.length }
    },
    { service },
  )
}

function discover(data: Record<string, unknown>): Record<string, unknown> {
  const matches = typeof data.event === 'string' ? globMatcher([data.event]) : () => true
  const specs = Object.entries<EventSpec>(eventSpecs).filter(
    ([name]) => matches(name) && (data.namespace === undefined || namespaceOf(name) === data.namespace),
  )
  const filters = { namespace: data.namespace ?? null, event: data.event ?? null, module: data.module ?? null }
  const level = data.level
  if (level !== 'summary') {
    const events = Object.fromEntries(
      specs.map(([name, spec]) => [name, level === 'full' ? describe(name, spec) : { summary: spec.summary }]),
    )
    return {
      events,
      total: specs.length,
      namespaces: [...new Set(specs.map(([name]) => namespaceOf(name)))],
      _level: level,
      _filters: filters,
    }
  }
  // One reply for both of KSI's readers: its command line takes `namespaces`, its client `events`.
  const namespaces: Record<string, { count: number; description: string }> = {}
  const events: Record<string, Description[]> = {}
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
    _filters: filters,
    events,
    pushed_events: pushedEvents,
  }
}

function help(event: string): Record<string, unknown> {
  const spec = eventSpec(event)
  if (spec === undefined) {
    const similar = similarNames(event, Object.keys(eventSpecs))
    throw new KsiError('KSI_NOT_FOUND', `Event not found: ${event}`, { details: { similar } })
  }
  return { ...describe(event, spec), triggers: [], examples: [], usage: { event, data: {} } }
}

function describe(event: string, spec: EventSpec): Description & Record<string, unknown> {
  return {
    event,
    module: spec.front === true ? 'front' : namespaceOf(event),
    handler: event,
    async: false,
    summary: spec.summary,
    parameters: parametersOf(spec),
  }
}

function namespaceOf(event: string): string {
  return event.split(':')[0] ?? ''
}
