import { z } from 'zod'
import { sessionId } from '../completion.ts'
import { when } from '../when.ts'
import type { EventSpec } from './spec.ts'

/** Patterns of names, as many as a subscription may have. */
export const eventPatterns = z
  .array(z.string().min(1).max(200))
  .min(1)
  .max(100)
  .refine((patterns) => patterns.join('').length <= 4_096, 'all together may have 4096 characters')

/** An event as it is kept, in the journal and in the daily file. */
const loggedEvent = () =>
  z.object({
    /** epoch seconds */
    timestamp: z.number(),
    event_name: z.string(),
    /** longer values are told as `<stripped:N chars>`, unless all of them are asked for */
    data: z.record(z.string(), z.unknown()),
    seq: z.number(),
  })
export type LoggedEvent = z.infer<ReturnType<typeof loggedEvent>>

const limit = z.number().int().min(1).max(1_000).default(100).describe('at most so many')
const before = z.number().int().min(0).nullish().describe('`next` of the reply before: go on from there')
const next = () => z.number().nullable()
const patterns = () => eventPatterns.nullish().describe('shell patterns of event names')

/** Where the events are kept. */
const places = () => ({ type: z.literal('journal'), db_path: z.string(), events_dir: z.string(), message: z.string() })

/** What clients can ask about events of the past. */
export const eventLogEvents = {
  'monitor:get_events': {
    summary: 'Events of the past, newest first.',
    data: z.object({
      event_patterns: patterns(),
      _agent_id: z.string().max(200).nullish().describe('only those about this agent'),
      since: when.nullish().describe('only those from then on'),
      until: when.nullish().describe('only those up to then'),
      limit,
      reverse: z.boolean().default(true).describe('false: the newest, but oldest first'),
      resolve_references: z.boolean().default(false).describe('also long values'),
      before,
    }),
    reply: () =>
      z.object({
        events: z.array(loggedEvent()),
        count: z.number(),
        /** that are kept, of all kinds */
        total_events: z.number(),
        query: z.object({
          event_patterns: z.array(z.string()).nullable(),
          _agent_id: z.string().nullable(),
          since: z.number().nullable(),
          until: z.number().nullable(),
          limit: z.number(),
          reverse: z.boolean(),
        }),
        /** there may be more: go on with it as `before` */
        next: next(),
      }),
  },
  'monitor:get_session_events': {
    summary: "Events about a session's requests, newest first.",
    data: z.object({
      session_id: sessionId.describe('the session'),
      limit,
      reverse: z.boolean().default(true),
      before,
    }),
    reply: () =>
      z.object({
        session_id: z.string(),
        events: z.array(loggedEvent()),
        count: z.number(),
        sources: z.array(z.literal('journal')),
        next: next(),
      }),
  },
  'monitor:get_status': {
    summary: 'The newest events, and the agents.',
    data: z.object({
      event_patterns: patterns(),
      since: when.nullish().describe('only events from then on'),
      limit: limit.default(20),
      include_agents: z.boolean().default(true),
      include_events: z.boolean().default(true),
    }),
    reply: () =>
      z.object({
        status: z.literal('ok'),
        events: z.array(loggedEvent()),
        event_count: z.number(),
        agents: z.array(
          z.object({
            agent_id: z.string(),
            profile: z.string().nullable(),
            status: z.string(),
            created: z.string().nullable(),
          }),
        ),
        /** counted up to 1,000 */
        agent_count: z.number(),
        total_identities: z.number(),
        /** epoch seconds */
        timestamp: z.number(),
      }),
  },
  'monitor:get_stats': {
    summary: 'Where events are kept, and what the router knows.',
    data: z.object({}),
    reply: () =>
      z.object({
        event_log: z.object(places()),
        router: z.object({ events: z.number(), services: z.number(), subscriptions: z.number() }),
      }),
  },
  'event_log:query': {
    summary: 'Events of the past, newest first, by the names of the observation system.',
    data: z.object({
      source_agent: z.string().max(200).nullish().describe('only those about this agent'),
      event_patterns: patterns(),
      start_time: when.nullish().describe('only those from then on'),
      end_time: when.nullish().describe('only those up to then'),
      limit,
      offset: z.number().int().min(0).max(10_000).default(0).describe('without the newest so many'),
    }),
    reply: () =>
      z.object({
        events: z.array(loggedEvent()),
        /** of those looked at */
        total: z.number(),
        has_more: z.boolean(),
        offset: z.number(),
      }),
  },
  'event_log:stats': {
    summary: 'How many events there are, of which kinds, and where.',
    data: z.object({}),
    reply: () =>
      z.object({
        status: z.literal('ok'),
        database: z.object({
          ...places(),
          total_events: z.number(),
          first_seq: z.number(),
          last_seq: z.number(),
        }),
        storage: z.object({ files: z.number(), bytes: z.number() }),
        /** of the newest `counted` */
        events: z.object({
          counted: z.number(),
          by_type: z.record(z.string(), z.number()),
          /** by UTC day */
          by_date: z.record(z.string(), z.number()),
          recent_activity: z.object({ last_minute: z.number(), last_hour: z.number() }),
        }),
        performance: z.object({ took_ms: z.number() }),
      }),
  },
} as const satisfies Record<string, EventSpec>
