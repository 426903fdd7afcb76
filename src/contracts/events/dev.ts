import { z } from 'zod'
import { checkpointContent, checkpointSummary } from '../checkpoint.ts'
import { lossRecord, restoreReport } from '../control.ts'
import { checkpointReason, requestState } from '../words.ts'
import type { EventSpec, PushSpec } from './spec.ts'

const actions = [
  'create',
  'status',
  'list',
  'show',
  'diff',
  'list_requests',
  'remove_request',
  'clear_failed',
  'clear_all',
] as const

/** The counts of a checkpoint just taken, or of the newest, under KSI's names. */
const counts = () => ({
  timestamp: z.string(),
  sessions: z.number(),
  queued_requests: z.number(),
  active_requests: z.number(),
})
/** What may have become of a request between two checkpoints. */
const changes = <T>(of: () => T) => ({ added: of(), finished: of(), started: of(), queued_again: of() })
const cleared = <F extends 'failed' | 'all'>(filter: F) =>
  z.object({
    status: z.literal('cleared'),
    filter: z.literal(filter),
    removed_count: z.number(),
    remaining_count: z.number(),
  })

/** The reply to `dev:checkpoint`, by its action. */
const checkpointReplies = () =>
  ({
    create: z.object({ status: z.literal('saved'), checkpoint: z.number(), ...counts() }),
    status: z.discriminatedUnion('status', [
      z.object({ status: z.literal('no_checkpoint') }),
      z.object({ status: z.literal('saved'), checkpoint: z.number(), reason: checkpointReason, ...counts() }),
    ]),
    list: z.object({ checkpoints: z.array(checkpointSummary()) }),
    show: checkpointContent(),
    /** What changed from one checkpoint to another: how many, and the ids of as many as a reply can hold. */
    diff: z.object({
      checkpoint: z.number(),
      against: z.number(),
      ...changes(() => z.array(z.string())),
      counts: z.object(changes(() => z.number())),
    }),
    list_requests: z.object({
      requests: z.array(
        z.object({
          request_id: z.string(),
          status: z.enum(['queued', 'processing']),
          session_id: z.string().nullable(),
          status_now: requestState.nullable(),
          queued_at: z.string().nullable(),
          error: z.string().nullable(),
        }),
      ),
      count: z.number(),
      checkpoint: z.number(),
      checkpoint_timestamp: z.string(),
      next: z.number().nullable(),
    }),
    remove_request: z.object({ status: z.literal('removed'), request_id: z.string() }),
    clear_failed: cleared('failed'),
    clear_all: cleared('all'),
  }) as const satisfies Record<(typeof actions)[number], z.ZodType>
type Schemas = ReturnType<typeof checkpointReplies>
export type CheckpointReplies = { [A in keyof Schemas]: z.infer<Schemas[A]> }

/** A request that was running, and is told as lost. */
const lostProcessing = () =>
  z.object({
    request_id: z.string(),
    session_id: z.string().nullable(),
    started_at: z.string().nullable(),
    status: requestState,
    reason: z.string(),
  })

/** How many requests of a checkpoint are restored in which way, and the first of those that are. */
const restorePlan = () =>
  z.object({
    checkpoint: z.number(),
    /** the checkpoint that was taken before */
    taken: z.number().nullable(),
    /** still queued or running: they stay where they are */
    stays: z.number(),
    /** were removed or cleared: they come back under their ids */
    brought_back: z.number(),
    /** were cancelled or failed (or completed, where asked): queued again under new ids */
    queued_again: z.number(),
    /** were completed */
    completed: z.number(),
    requests: z.array(
      z.object({
        request_id: z.string(),
        becomes: z.enum(['brought_back', 'queued_again', 'refused']),
        /** under which it is queued */
        as: z.string(),
        error: z.string().optional(),
      }),
    ),
  })
export type RestorePlan = z.infer<ReturnType<typeof restorePlan>>

/** What clients can send about checkpoints. */
export const devEvents = {
  'dev:checkpoint': {
    summary: 'Take, list, show and clear checkpoints.',
    data: z.object({
      action: z.enum(actions).default('create').describe('what to do'),
      reason: checkpointReason.default('manual').describe('create: why'),
      checkpoint: z.coerce
        .number()
        .int()
        .positive()
        .optional()
        .describe('show, diff, list_requests: its number; the newest when not given'),
      against: z.coerce.number().int().positive().optional().describe('diff: the other number'),
      after: z.coerce
        .number()
        .int()
        .positive()
        .optional()
        .describe('show, list_requests: go on where the reply before ended, as its `next` says'),
      request_id: z.string().min(1).max(200).optional().describe('remove_request: the request'),
    }),
    reply: () => z.union(Object.values(checkpointReplies())),
    mutates: ({ action }) => action === 'create' || action === 'remove_request',
  },
  'dev:losses': {
    summary: 'What of the journal was lost; acknowledge it once it is known.',
    data: z.looseObject({
      action: z.enum(['list', 'acknowledge']).default('list').describe('what to do'),
    }),
    reply: () => z.object({ losses: z.array(lossRecord), acknowledged: z.boolean() }),
  },
  'dev:restore': {
    summary: 'Restore the journal once more, or what a checkpoint shows: what was lost since is queued again.',
    data: z.object({
      checkpoint: z.coerce.number().int().positive().optional().describe('its number; none: adopt, queue again, tell'),
      conversation: z.string().min(1).max(200).optional().describe('of this conversation only'),
      replay: z.boolean().default(false).describe('what was completed since, too'),
      dry_run: z.boolean().default(false).describe('say what would be done, and do nothing'),
    }),
    reply: () =>
      z.object({
        status: z.enum(['restored', 'dry_run']),
        checkpoint_time: z.string(),
        completion_results: z.object({
          restored_sessions: z.number(),
          restored_requests: z.number(),
          failed_requests: z.number(),
          lost_processing: z.array(lostProcessing()),
          /** of a restore without a checkpoint */
          report: restoreReport.optional(),
        }),
        context_results: z.object({ modules: z.array(z.string()) }),
        /** of one of a checkpoint: what becomes of each request it shows */
        plan: restorePlan().optional(),
      }),
  },
} as const satisfies Record<string, EventSpec>

/** What is pushed about checkpoints. */
export const checkpointPushes = {
  'checkpoint:saved': {
    summary: 'a checkpoint was taken',
    data: () =>
      z.object({
        reason: checkpointReason,
        generation: z.number(),
        queued: z.number(),
        active: z.number(),
      }),
  },
} as const satisfies Record<string, PushSpec>
