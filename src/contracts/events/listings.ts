import { z } from 'zod'
import { permissionProfile } from '../permissions.ts'
import type { EventSpec } from './spec.ts'

const handler = () => ({ function: z.string(), priority: z.number(), async: z.boolean() })

/** What clients can ask about the daemon's own parts, and KSI's clients about permissions. */
export const listingEvents = {
  'module:list': {
    summary: 'The services of the daemon, add-on modules among them.',
    data: z.object({}),
    reply: () =>
      z.object({
        modules: z.array(z.object({ name: z.string(), handlers: z.number(), events: z.array(z.string()) })),
        count: z.number(),
      }),
  },
  'module:events': {
    summary: 'Which service handles which event.',
    data: z.object({}),
    reply: () =>
      z.object({
        events: z.record(z.string(), z.array(z.object({ ...handler(), module: z.string() }))),
        /** a handler has exactly one name: there are none */
        patterns: z.record(z.string(), z.never()),
        total_events: z.number(),
        total_patterns: z.number(),
      }),
  },
  'module:inspect': {
    summary: 'A service of the daemon with its handlers.',
    data: z.object({ module_name: z.string().min(1).max(200).describe('its name, as module:list has it') }),
    reply: () =>
      z.object({
        module: z.object({
          name: z.string(),
          handlers: z.array(z.object({ ...handler(), event: z.string(), filter: z.null() })),
          services: z.array(z.string()),
          background_tasks: z.array(z.string()),
          running_tasks: z.number(),
          stats: z.object({ handlers: z.number(), pushes: z.number() }),
        }),
      }),
  },
  'router:list_transformers': {
    summary: 'Transformers of events: there are none, for KSI clients that ask.',
    data: z.object({}),
    reply: () => z.object({ transformers: z.array(z.never()), count: z.literal(0) }),
  },
  'event:emit': {
    summary: 'Send another event, also later, and reply what that replies.',
    data: z.object({
      event: z.string().min(1).max(200).describe('its name'),
      data: z.looseObject({}).default({}).describe('its data'),
      delay: z.number().min(0).max(3_600).default(0).describe('so many seconds later'),
      condition: z.unknown().optional().describe('refused: there is nobody to judge it'),
    }),
    reply: () => z.record(z.string(), z.unknown()),
  },
  'permission:list_profiles': {
    summary: 'What agent_config.permission_profile of a request may say: the tools it lets claude use.',
    data: z.object({}),
    reply: () => z.object({ profiles: z.record(z.string(), permissionProfile()), count: z.number() }),
  },
} as const satisfies Record<string, EventSpec>
