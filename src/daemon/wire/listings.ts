import type { EventReply } from '../../contracts/events.ts'
import { permissionProfiles } from '../../contracts/permissions.ts'
import { KsiError } from '../../lib/errors.ts'
import { similarNames } from '../../lib/nearest-names.ts'
import type { Core } from '../core.ts'

const noTransformers: EventReply<'router:list_transformers'> = { transformers: [], count: 0 }

/** What KSI's clients ask about the daemon's own parts (docs/ksi-clients.md). */
export function registerListings(core: Core): void {
  const { router } = core
  const service = { service: 'discovery' }
  const profiles = { profiles: permissionProfiles, count: Object.keys(permissionProfiles).length }
  router.on('permission:list_profiles', () => profiles, service)
  router.on('module:list', () => listModules(core), service)
  router.on('module:events', () => listEvents(core), service)
  router.on('module:inspect', ({ module_name }) => inspect(core, module_name), service)
  router.on('router:list_transformers', () => noTransformers, service)
}

function listModules({ router }: Core): EventReply<'module:list'> {
  const modules = Object.entries(router.services()).map(([name, events]) => ({
    name,
    handlers: events.length,
    events,
  }))
  return { modules, count: modules.length }
}

function listEvents({ router }: Core): EventReply<'module:events'> {
  const events: EventReply<'module:events'>['events'] = {}
  for (const { event, service, priority } of router.handlers())
    (events[event] ??= []).push({ function: event, module: service, priority, async: false })
  return { events, patterns: {}, total_events: Object.keys(events).length, total_patterns: 0 }
}

/** @throws KsiError KSI_NOT_FOUND */
function inspect({ router }: Core, name: string): EventReply<'module:inspect'> {
  const handlers = router.handlers().filter(({ service }) => service === name)
  if (handlers.length === 0) {
    const available = Object.keys(router.services())
    const similar = similarNames(name, available)
    throw new KsiError('KSI_NOT_FOUND', `Module not found: ${name}`, { details: { available, similar } })
  }
  const pushes = [...router.pushes.keys()].filter((push) => push.startsWith(`${name}:`)).length
  return {
    module: {
      name,
      handlers: handlers.map(({ event, priority }) => ({
        event,
        function: event,
        priority,
        async: false,
        filter: null,
      })),
      services: [name],
      background_tasks: [],
      running_tasks: 0,
      stats: { handlers: handlers.length, pushes },
    },
  }
}
