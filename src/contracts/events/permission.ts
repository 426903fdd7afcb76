import { z } from 'zod'
import type { EventSpec } from './spec.ts'

/** What KSI's clients ask before a chat completion. */
export const permissionEvents = {
  'permission:list_profiles': {
    summary: 'Permission profiles, for KSI clients that ask.',
    data: z.looseObject({}),
    reply: z.object({ profiles: z.record(z.string(), z.never()), count: z.number() }),
  },
} as const satisfies Record<string, EventSpec>
