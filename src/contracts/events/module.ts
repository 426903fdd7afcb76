import { z } from 'zod'
import type { EventSpec } from './spec.ts'

/** What clients can ask about the daemon's services and add-on modules. */
export const moduleEvents = {
  'module:list': {
    summary: 'The services of the daemon, add-on modules among them.',
    data: z.looseObject({}),
    reply: z.object({
      modules: z.array(z.object({ name: z.string(), handlers: z.number(), events: z.array(z.string()) })),
      count: z.number(),
    }),
  },
} as const satisfies Record<string, EventSpec>
