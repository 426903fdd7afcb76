import { z } from 'zod'
import { bootFailure, phases, restoreReport, supervisorStatus, troubleRecord } from '../control.ts'
import { bootCause, checkpointReason, previousEnd } from '../words.ts'
import type { EventSpec, PushSpec } from './spec.ts'

/** The answer of a live generation: small, since KSI's own control program reads at most 4,096 bytes of it. */
const liveHealth = () =>
  z.object({
    /** unhealthy: it serves, and something of what was asked for does not go on */
    status: z.enum(['healthy', 'unhealthy']),
    generation: z.number(),
    boot_id: z.string(),
    pid: z.number(),
    /** seconds */
    uptime: z.number(),
    version: z.string(),
    daemon_version: z.string(),
    mode: z.enum(['dev', 'production']),
    queued: z.number(),
    processing: z.number(),
    modules_loaded: z.number(),
    modules: z.array(z.string()),
    /** how often something of the journal was lost and nobody has acknowledged it */
    losses: z.number(),
    /** Which quotas of bytes are nearly reached, or are, and what to do. */
    filling: z.array(z.string()),
    /** what goes wrong, until it goes well again */
    troubles: z.array(troubleRecord),
  })

/** The answer of the supervisor while there is no live generation. */
const absentHealth = () =>
  z.object({
    status: z.enum(['restarting', 'stopping']),
    /** the last one that was live */
    generation: z.number().nullable(),
    problem: z.string().nullable(),
    /** epoch ms */
    next_try_at: z.number().nullable(),
  })
export type AbsentHealth = z.infer<ReturnType<typeof absentHealth>>

/** What clients can ask of the whole, and ask it to do. The supervisor's own are marked `front`. */
export const systemEvents = {
  'system:health': {
    summary: 'Whether the daemon serves, in which generation.',
    data: z.object({}),
    reply: () => z.discriminatedUnion('status', [liveHealth(), absentHealth()]),
  },
  'system:shutdown': {
    summary: 'Take a checkpoint and end.',
    data: z.object({
      restart: z
        .boolean()
        .optional()
        .describe('what runs goes on, for a ksi that is started soon (KSI_RUNNER_LINGER_MS)'),
    }),
    reply: () => z.object({ shutdown_initiated: z.literal(true) }),
    front: true,
  },
  'system:reload': {
    summary: 'Boot the code as it is on disk and hand over to it; replies when that is done.',
    data: z.object({}),
    reply: () =>
      z.discriminatedUnion('status', [
        z.object({ status: z.literal('reloaded'), generation: z.number(), phases }),
        z.object({ status: z.literal('failed'), error: z.string(), failure: bootFailure }),
      ]),
    front: true,
  },
  'system:rollback': {
    summary: 'Boot the code that was live before, as it was kept, and hand over to it; the files stay as they are.',
    data: z.object({}),
    reply: () =>
      z.discriminatedUnion('status', [
        z.object({
          status: z.literal('rolled_back'),
          generation: z.number(),
          phases,
          /** what is on disk and not live */
          files: z.array(z.string()),
        }),
        z.object({ status: z.literal('failed'), error: z.string(), failure: bootFailure }),
      ]),
    front: true,
  },
  'supervisor:status': {
    summary: 'Generations, runners and watching, also while no generation is live.',
    data: z.object({}),
    reply: () => supervisorStatus,
    front: true,
  },
} as const satisfies Record<string, EventSpec>

const live = () =>
  z.object({
    generation: z.number(),
    cause: bootCause,
    files: z.array(z.string()),
    total_ms: z.number(),
    phases,
    restored: restoreReport,
    previous_end: previousEnd,
  })

/** What is pushed about generations. */
export const systemPushes = {
  'system:reloading': {
    summary: 'a new generation is ready and takes over now',
    data: () => z.object({ generation: z.number(), files: z.array(z.string()) }),
  },
  'system:reloaded': { summary: 'it is live: generation, files, phases, counts', data: live },
  'system:reload_failed': {
    summary: 'a change did not become live: files, error; the old generation serves on',
    data: () => bootFailure,
  },
  'system:recovered': { summary: 'a generation is live again after a crash or a new start', data: live },
  'system:shutdown_notification': {
    summary: 'the daemon ends: told once to every connection, subscribed or not, without a seq',
    data: () =>
      z.object({
        reason: z.string(),
        /** epoch seconds */
        timestamp: z.number(),
      }),
  },
} as const satisfies Record<string, PushSpec>

/** What the daemon says to itself as a generation comes and goes. No client can send these. */
export const lifecycle = {
  'system:startup': () => z.object({ generation: z.number() }),
  'system:context': () => z.object({ generation: z.number() }),
  'system:ready': () => z.object({}),
  'system:shutdown': () => z.object({ reason: checkpointReason }),
} as const satisfies Record<string, () => z.ZodType>
