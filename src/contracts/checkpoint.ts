import { z } from 'zod'
import { clientInfo } from './completion.ts'
import { checkpointReason } from './words.ts'

/** A checkpoint as listings show it. `at` and `restored_at` are ISO 8601. */
export const checkpointSummary = () =>
  z.object({
    id: z.number(),
    tick: z.number(),
    at: z.string(),
    reason: checkpointReason,
    generation: z.number(),
    queued: z.number(),
    active: z.number(),
    sessions: z.number(),
    files: z.array(z.string()),
    restored_at: z.string().nullable(),
    restored_by: z.number().nullable(),
    /** add-on modules whose state is not in it, and why; their state in an older one is kept */
    module_failures: z.array(z.object({ module: z.string(), error: z.string() })),
  })
export type CheckpointSummary = z.infer<ReturnType<typeof checkpointSummary>>

/** A queued request within a checkpoint. */
const queuedEntry = () =>
  z.object({
    request_id: z.string(),
    status: z.string(),
    data: z.record(z.string(), z.unknown()),
  })

/** The plan's shape: queues by session (or conversation, before it has a session), in order; and what was running. */
export const checkpointContent = () =>
  checkpointSummary().extend({
    session_queues: z.record(z.string(), z.array(queuedEntry())),
    active_operations: z.record(
      z.string(),
      z.object({
        status: z.literal('processing'),
        session_id: z.string().nullable(),
        conversation: z.string(),
        started_at: z.string().nullable(),
        client_info: clientInfo().nullable(),
      }),
    ),
    /** what the add-on modules gave, by name */
    services: z.record(z.string(), z.unknown()),
    /** more was queued than a reply can hold: `after` what `next` says */
    truncated: z.boolean(),
    next: z.number().nullable(),
  })
export type CheckpointContent = z.infer<ReturnType<typeof checkpointContent>>
