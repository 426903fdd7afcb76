import { z } from 'zod'
import type { EventSpec } from './spec.ts'

/** Namespaces of one listing each: what clients can ask about modules, and KSI's clients about permissions. */
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
  'permission:list_profiles': {
    summary: 'Permission profiles, for KSI clients that ask.',
    data: z.object({}),
    reply: () => z.object({ profiles: z.record(z.string(), z.never()), count: z.number() }),
  },
} as const satisfies Record<string, EventSpec>
