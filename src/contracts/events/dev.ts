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
    /** What changed from one checkpoint to another, as request ids. */
    diff: z.object({
      checkpoint: z.number(),
      against: z.number(),
      added: z.array(z.string()),
      finished: z.array(z.string()),
      started: z.array(z.string()),
      queued_again: z.array(z.string()),
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
    }),
    remove_request: z.object({ status: z.literal('removed'), request_id: z.string() }),
    clear_failed: cleared('failed'),
    clear_all: cleared('all'),
  }) as const satisfies Record<(typeof actions)[number], z.ZodType>
type Schemas = ReturnType<typeof checkpointReplies>
export type CheckpointReplies = { [A in keyof Schemas]: z.infer<Schemas[A]> }

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
      request_id: z.string().min(1).max(200).optional().describe('remove_request: the request'),
    }),
    reply: () => z.union(Object.values(checkpointReplies())),
    mutates: true,
  },
  'dev:losses': {
    summary: 'What of the journal was lost; acknowledge it once it is known.',
    data: z.looseObject({
      action: z.enum(['list', 'acknowledge']).default('list').describe('what to do'),
    }),
    reply: () => z.object({ losses: z.array(lossRecord), acknowledged: z.boolean() }),
  },
  'dev:restore': {
    summary: 'Restore the journal once more: adopt what runs, queue again what never began, tell what is lost.',
    data: z.object({}),
    reply: () =>
      z.object({
        status: z.literal('restored'),
        checkpoint_time: z.string(),
        completion_results: restoreReport.extend({
          restored_sessions: z.number(),
          restored_requests: z.number(),
          failed_requests: z.number(),
          lost_processing: z.number(),
        }),
      }),
    mutates: true,
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
