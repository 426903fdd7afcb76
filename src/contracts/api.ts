import { z } from 'zod'
import { checkpointSummary } from './checkpoint.ts'
import {
  checkpointView,
  cutDifference,
  listedConversation,
  listedRequest,
  logLine,
  requestWithBoots,
} from './listed.ts'
import { providerState } from './providers.ts'
import { bootRecord, statusDocument } from './status.ts'
import { requestState } from './words.ts'

/*
 * What the status service answers, by HTTP. Times are ISO 8601. The OpenAPI document is made from these.
 */

/** What is waited for. */
const waitedFor = z
  .string()
  .regex(/^(ready|idle|restored|generation>\d{1,9})$/, 'ready, idle, restored or generation>N')

/** Where the next page begins: give it as `before`. null: there is no more. */
const page = { next: z.number().nullable(), looked: z.number() }

const limit = z.coerce.number().int().min(1).max(500).default(50).describe('rows of a page')
const before = z.coerce.number().int().min(0).optional().describe('`next` of the page before')
const q = z.string().max(200).optional()
const found = <T extends z.ZodType>(item: T) => z.object({ found: z.array(item), ...page })
const number = z.coerce.number().int().min(0)

const health = z.object({
  status: z.enum(['pass', 'warn', 'fail']),
  version: z.string(),
  description: z.string(),
  checks: z.record(
    z.string(),
    z.array(z.object({ status: z.enum(['pass', 'warn', 'fail']), output: z.string().optional() })),
  ),
})
export type Health = z.infer<typeof health>

interface RouteSpec {
  summary: string
  /** shows a prompt, an answer or an event's data: asks for the token */
  content?: true
  params?: z.ZodObject
  query?: z.ZodObject
  reply: z.ZodType
  /** of the reply; JSON unless given */
  type?: 'application/health+json' | 'text/event-stream' | 'text/plain'
}

/** Every address of the API, all of them GET. */
export const apiRoutes = {
  '/status': {
    summary: 'The whole: verdict, daemon, journal, containers. 503 while the daemon does not serve.',
    reply: statusDocument,
  },
  '/boots': {
    summary: 'Boots, newest first.',
    query: z.object({ limit }),
    reply: z.object({ found: z.array(bootRecord) }),
  },
  '/boots/:id': {
    summary: 'A boot, with the code its error is about and the last 200 lines that were logged while it was live.',
    content: true,
    params: z.object({ id: z.string().max(100).describe('`boot_id`, or the number of a generation') }),
    reply: z.object({ boot: bootRecord, code_frame: z.string().nullable(), log: z.array(logLine) }),
  },
  '/checkpoints': {
    summary: 'Checkpoints, newest first.',
    query: z.object({ limit }),
    reply: z.object({ found: z.array(checkpointSummary()) }),
  },
  '/checkpoints/:id': {
    summary: 'A checkpoint, with the ids of what was queued and what ran.',
    params: z.object({ id: number }),
    reply: checkpointView,
  },
  '/checkpoints/:a/diff/:b': {
    summary: 'What changed from one checkpoint to another.',
    params: z.object({ a: number, b: number }),
    reply: cutDifference,
  },
  '/conversations': {
    summary: 'Conversations, those asked last first.',
    query: z.object({ q: q.describe('part of a name'), before, limit }),
    reply: found(listedConversation).extend({ total: z.number(), more: z.boolean() }),
  },
  '/requests': {
    summary: 'Requests, newest first.',
    content: true,
    query: z.object({
      state: requestState.optional(),
      q: q.describe('part of an id, of a name, or of what was asked'),
      conversation: z.string().max(200).optional(),
      before,
      limit,
    }),
    reply: found(listedRequest),
  },
  '/requests/:id': {
    summary: 'A request: what was asked and answered, its runs and history, the generations it lived through.',
    content: true,
    params: z.object({ id: z.string().max(200) }),
    reply: requestWithBoots,
  },
  '/requests/:id/stream': {
    summary: "A request's output as it comes: events `delta`, whose id is attempt:offset, and `end` with its outcome.",
    content: true,
    params: z.object({ id: z.string().max(200) }),
    query: z.object({
      attempt: z.coerce.number().int().min(1).default(1),
      from: number.default(0).describe('the offset of the first chunk; or the header Last-Event-ID'),
    }),
    reply: z.string(),
    type: 'text/event-stream',
  },
  '/providers': {
    summary: 'How the providers stand, and what was used in the last 24 hours.',
    reply: z.object({
      providers: z.array(providerState()).nullable().describe('null: the daemon does not answer'),
      error: z.string().nullable(),
      usage: z.array(
        z.object({
          model: z.string(),
          runs: z.number(),
          input_tokens: z.number(),
          output_tokens: z.number(),
          cost_usd: z.number().nullable(),
        }),
      ),
    }),
  },
  '/events': {
    summary:
      'Server-sent events: `snapshot`, the status document, at once and after each change; `event`, each of the ' +
      "journal's from now on, or after the header Last-Event-ID; `gap` where they are gone. Data with the token only.",
    reply: z.string(),
    type: 'text/event-stream',
  },
  '/logs': {
    summary: 'The last lines of the log, newest last.',
    content: true,
    query: z.object({
      boot: z.coerce.number().int().min(1).optional().describe('only while this generation was live'),
      process: z.string().max(40).optional().describe('supervisor, daemon, runner, …'),
      level: z.enum(['debug', 'info', 'warn', 'error']).optional().describe('of this level and above'),
      q,
      limit: z.coerce.number().int().min(1).max(1_000).default(200),
    }),
    reply: z.object({ found: z.array(logLine), cut: z.boolean() }),
  },
  '/wait': {
    summary: 'Answers when it is so, or 504 at the time limit: for scripts.',
    query: z.object({
      for: waitedFor.describe('ready, idle, restored or generation>N'),
      timeout_ms: z.coerce.number().int().min(0).max(600_000).default(30_000),
    }),
    reply: z.object({
      waited_ms: z.number(),
      status: z.string(),
      summary: z.string(),
      generation: z.number().nullable(),
    }),
  },
  '/diagnostics': {
    summary:
      'All that helps to understand a fault, as one document; with what was asked and said only by `content=yes`.',
    content: true,
    query: z.object({ content: z.enum(['yes', 'no']).default('no') }),
    reply: z.object({
      version: z.string(),
      node: z.string(),
      at: z.string(),
      status: statusDocument,
      checkpoints: z.array(checkpointSummary()),
      log: z.array(logLine),
      requests: z.array(z.record(z.string(), z.unknown())),
      events: z.array(z.record(z.string(), z.unknown())),
    }),
  },
  '/metrics': { summary: 'Metrics for Prometheus.', reply: z.string(), type: 'text/plain' },
  '/openapi.json': { summary: 'This.', reply: z.record(z.string(), z.unknown()) },
  '/livez': { summary: 'The sidecar is there.', reply: health, type: 'application/health+json' },
  '/readyz': {
    summary: 'The sidecar has started, whatever the daemon does; `?verbose` tells of each source.',
    query: z.object({ verbose: z.string().optional() }),
    reply: health,
    type: 'application/health+json',
  },
} as const satisfies Record<string, RouteSpec>

type Routes = typeof apiRoutes
export type ApiPath = keyof Routes
type PartOf<P extends ApiPath, K extends 'params' | 'query'> = Routes[P] extends {
  [key in K]: infer S extends z.ZodType
}
  ? z.output<S>
  : Record<string, never>
export type ApiParams<P extends ApiPath> = PartOf<P, 'params'>
export type ApiQuery<P extends ApiPath> = PartOf<P, 'query'>
export type ApiReply<P extends ApiPath> = z.output<Routes[P]['reply']>

/** Looks an address up by any name. */
export function apiRoute(path: ApiPath): RouteSpec {
  return apiRoutes[path]
}
