import { z } from 'zod'
import type { EventSpec } from './spec.ts'

/**
 * A field as discovery tells it. KSI's command line reads the type by the words it contains (docs/wire.md,
 * "Discovery").
 */
const parameter = () =>
  z.object({
    type: z.enum(['str', 'int', 'float', 'bool', 'list', 'dict', 'Any']),
    required: z.boolean(),
    description: z.string(),
    default: z.unknown().optional(),
    allowed_values: z.array(z.unknown()).optional(),
  })
export type Parameter = z.infer<ReturnType<typeof parameter>>

const parameters = () => z.record(z.string(), parameter())

const pushDescription = () => z.object({ event: z.string(), summary: z.string(), parameters: parameters() })
export type PushDescription = z.infer<ReturnType<typeof pushDescription>>

/** An event as discovery tells it. */
const description = () =>
  z.object({
    event: z.string(),
    module: z.string(),
    handler: z.string(),
    async: z.boolean(),
    summary: z.string(),
    parameters: parameters(),
  })
export type EventDescription = z.infer<ReturnType<typeof description>>

const fullDescription = () =>
  description().extend({
    /** the fields of its reply: required are those every reply has */
    reply: parameters(),
  })
export type FullDescription = z.infer<ReturnType<typeof fullDescription>>

const filters = () =>
  z.object({
    namespace: z.string().nullable(),
    event: z.string().nullable(),
    module: z.string().nullable(),
  })

/** One reply for both of KSI's readers: its command line takes `namespaces`, its client `events`. */
const summary = () =>
  z.object({
    namespaces: z.record(z.string(), z.object({ count: z.number(), description: z.string() })),
    total_namespaces: z.number(),
    total_events: z.number(),
    _level: z.literal('summary'),
    _filters: filters(),
    events: z.record(z.string(), z.array(description())),
    /** what each pushed event tells, by name */
    pushed_events: z.record(z.string(), z.string()),
  })

const listing = () =>
  z.object({
    events: z.record(z.string(), z.union([fullDescription(), z.object({ summary: z.string() })])),
    total: z.number(),
    namespaces: z.array(z.string()),
    _level: z.enum(['namespace', 'full']),
    _filters: filters(),
    /** by name; with their fields at the level `full` */
    pushes: z.record(z.string(), z.union([pushDescription(), z.object({ summary: z.string() })])),
  })

/** What clients can ask about events. */
export const discoveryEvents = {
  'system:discover': {
    summary: 'The events there are.',
    data: z.object({
      namespace: z.string().optional().describe('only this namespace'),
      event: z.string().max(200).optional().describe('only names that fit this shell pattern'),
      level: z.enum(['summary', 'namespace', 'full']).default('summary').describe('how much to tell'),
      detail: z.boolean().optional(),
      format_style: z.string().optional(),
      module: z.string().optional(),
    }),
    reply: () => z.discriminatedUnion('_level', [summary(), listing()]),
  },
  'system:help': {
    summary: 'One event, sent or pushed: what it does, its parameters and what it replies.',
    data: z.object({
      event: z.string().min(1).max(200).describe('the event'),
      format_style: z.string().optional(),
    }),
    reply: () =>
      z.union([
        fullDescription().extend({
          triggers: z.array(z.string()),
          examples: z.array(z.string()),
          usage: z.object({ event: z.string(), data: z.object({}) }),
        }),
        pushDescription().extend({ pushed: z.literal(true) }),
      ]),
  },
} as const satisfies Record<string, EventSpec>
export type DiscoverSummary = z.infer<ReturnType<typeof summary>>
export type DiscoverListing = z.infer<ReturnType<typeof listing>>
