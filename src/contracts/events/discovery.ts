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

/** An event as the Model Context Protocol describes a tool. */
const mcpTool = () =>
  z.object({
    name: z.string(),
    description: z.string(),
    /** JSON Schema */
    inputSchema: z.object({
      type: z.literal('object'),
      properties: z.record(z.string(), z.unknown()),
      required: z.array(z.string()),
    }),
  })
export type McpTool = z.infer<ReturnType<typeof mcpTool>>

/** What an agent (`_agent_id`, or `claude-code` as `_client_id`) gets instead: the answer as the use of a tool. */
const agentAnswer = () =>
  z.object({
    type: z.literal('ksi_tool_use'),
    id: z.string(),
    name: z.enum(['discovery:results', 'help:results']),
    input: z.record(z.string(), z.unknown()),
  })
export type AgentAnswer = z.infer<ReturnType<typeof agentAnswer>>

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
    events: z.record(z.string(), z.union([fullDescription(), mcpTool(), z.object({ summary: z.string() })])),
    total: z.number(),
    namespaces: z.array(z.string()),
    _level: z.enum(['namespace', 'full']),
    _filters: filters(),
    /** by name; with their fields at the level `full` */
    pushes: z.record(z.string(), z.union([pushDescription(), z.object({ summary: z.string() })])),
  })

const help = () =>
  z.union([
    fullDescription().extend({
      triggers: z.array(z.string()),
      examples: z.array(z.object({ description: z.string(), data: z.record(z.string(), z.unknown()) })),
      usage: z.object({ event: z.string(), data: z.record(z.string(), z.unknown()) }),
    }),
    pushDescription().extend({ pushed: z.literal(true) }),
    mcpTool(),
  ])
export type Help = z.infer<ReturnType<typeof help>>

/** How what is asked for is written; others of KSI's are refused. */
const formatStyle = z.enum(['verbose', 'mcp']).optional().describe('mcp: as tools of the Model Context Protocol')

/** What clients can ask about events. */
export const discoveryEvents = {
  'system:discover': {
    summary: 'The events there are.',
    data: z.object({
      namespace: z.string().optional().describe('only this namespace'),
      event: z.string().max(200).optional().describe('only names that fit this shell pattern'),
      level: z.enum(['summary', 'namespace', 'full']).default('summary').describe('how much to tell'),
      detail: z.boolean().optional().describe('all of each event, by name'),
      format_style: formatStyle,
      module: z.string().optional().describe('only those this module handles'),
    }),
    reply: () => z.union([summary(), listing(), agentAnswer()]),
  },
  'system:help': {
    summary: 'One event, sent or pushed: what it does, its parameters and what it replies.',
    data: z.object({
      event: z.string().min(1).max(200).describe('the event'),
      format_style: formatStyle,
    }),
    reply: () => z.union([help(), agentAnswer()]),
  },
} as const satisfies Record<string, EventSpec>
export type DiscoverSummary = z.infer<ReturnType<typeof summary>>
export type DiscoverListing = z.infer<ReturnType<typeof listing>>
export type Listing = DiscoverSummary | DiscoverListing
