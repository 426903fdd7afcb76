import { z } from 'zod'
import { supervisorStatus } from '../control.ts'
import type { EventSpec } from './spec.ts'

/** What clients can ask of the supervisor. */
export const supervisorEvents = {
  'supervisor:status': {
    summary: 'Generations, runners and watching, also while no generation is live.',
    data: z.looseObject({}),
    reply: supervisorStatus,
    front: true,
  },
} as const satisfies Record<string, EventSpec>
