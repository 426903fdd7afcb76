import { z } from 'zod'
import { usageSum } from './providers.ts'

/** What of completion:status KSI's clients look for beside the queues. */
export const serviceCounts = () => ({
  /** counts of more than 10,000 are told as that */
  sessions: z.object({
    total_sessions: z.number(),
    locked_sessions: z.number(),
    active_sessions: z.number(),
    recovery_data_size: z.number(),
    agents_with_sessions: z.number(),
    active_requests: z.number(),
    pending_session_assignments: z.number(),
  }),
  providers: z.object({
    total_providers: z.number(),
    available_providers: z.number(),
    /** by name; how each stands, completion:provider_status tells */
    providers: z.record(z.string(), z.object({ running: z.number(), limit: z.number().nullable() })),
  }),
  /** of the last hour */
  token_usage: z.object({ hours: z.literal(1), total: usageSum() }),
  retry_manager: z.object({
    total_retrying: z.number(),
    pending_timers: z.number(),
    policy: z.object({ max_attempts: z.number() }),
  }),
})
