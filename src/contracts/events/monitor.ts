import { z } from 'zod'
import type { EventSpec, PushSpec } from './spec.ts'

/** What clients can send to follow events. */
export const monitorEvents = {
  'monitor:subscribe': {
    summary: 'Push events to this connection; with since, first those after that seq.',
    data: z.object({
      event_patterns: z
        .array(z.string().min(1).max(200))
        .min(1)
        .max(100)
        .refine((patterns) => patterns.join('').length <= 4_096, 'all together may have 4096 characters')
        .default(['*'])
        .describe('shell patterns of event names'),
      since: z.number().int().min(0).optional().describe('the last seq you have seen'),
      client_id: z.string().max(200).optional().describe('your name in listings'),
    }),
    reply: () =>
      z.object({
        status: z.literal('subscribed'),
        client_id: z.string().nullable(),
        patterns: z.array(z.string()),
        /** pushes begin after this seq */
        since: z.number(),
        last_seq: z.number(),
      }),
  },
  'monitor:unsubscribe': {
    summary: 'Push no more events to this connection.',
    data: z.object({}),
    reply: () => z.object({ status: z.enum(['unsubscribed', 'not_subscribed']) }),
  },
} as const satisfies Record<string, EventSpec>

/** What is pushed about the pushes themselves. */
export const monitorPushes = {
  'monitor:gap': {
    summary: 'events you asked for are no longer kept',
    data: () => z.object({ from: z.number(), to: z.number() }),
  },
} as const satisfies Record<string, PushSpec>
