import { z } from 'zod'
import { eventPatterns } from './event-log.ts'
import type { EventSpec, PushSpec } from './spec.ts'

/** What clients can send to follow events. */
export const monitorEvents = {
  'monitor:subscribe': {
    summary: 'Push events to this connection; with since, first those after that seq.',
    data: z.object({
      event_patterns: eventPatterns.default(['*']).describe('shell patterns of event names'),
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
  'monitor:get_subscriptions': {
    summary: 'Who follows which events.',
    data: z.object({}),
    reply: () =>
      z.object({
        subscription_stats: z.object({
          total_subscriptions: z.number(),
          total_writers: z.number(),
          clients_with_writers: z.number(),
          clients_without_writers: z.number(),
          writers_without_subscriptions: z.number(),
          /** by the name a client gave itself, or its connection; up to 1,000 */
          subscriptions: z.record(z.string(), z.array(z.string())),
          /** subscriptions that have not been pushed everything yet */
          behind: z.number(),
        }),
        /** epoch seconds */
        timestamp: z.number(),
      }),
  },
  'monitor:broadcast_event': {
    summary: 'Push an event of your own to its subscribers; there is no result.',
    data: z.object({
      event_name: z
        .string()
        .max(200)
        .regex(/^[\w.-]+(:[\w.-]+)+$/, 'say it as NAMESPACE:NAME')
        .describe('its name, outside of the namespaces of ksi'),
      event_data: z.looseObject({}).default({}).describe('what it says'),
    }),
    reply: () => z.never(),
    mutates: true,
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
