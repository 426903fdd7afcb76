import { z } from 'zod'
import { bootCause, checkpointReason, previousEnd } from './words.ts'

/*
 * Supervisor ↔ generation, over the generation's IPC channel.
 *
 *   spare ──boot──▶ standby ──activate──▶ live ──retire──▶ retired ──end──▶ gone
 *                                          ▲                  │
 *                                          └────activate──────┘ (it takes the journal back: the next one failed)
 */

const errorReport = z.object({ message: z.string(), code: z.string().optional(), stack: z.string().optional() })

/** How long each part of a boot or swap took, in ms. */
export const phases = z.object({
  /** the file's modification time → the watcher's event */
  watch: z.number().optional(),
  /** start of the process → spare (only when no spare was waiting) */
  fork: z.number().optional(),
  /** our own files imported */
  import: z.number().optional(),
  /** schema checked, runners reached */
  standby: z.number().optional(),
  /** old generation: checkpoint and letting go */
  retire: z.number().optional(),
  /** new generation: journal opened, lease taken */
  open: z.number().optional(),
  /** new generation: system:startup, restore included, to system:ready */
  restore: z.number().optional(),
  /** lines were held this long */
  hold: z.number().optional(),
  /** save (or crash, or start) → live */
  total: z.number().optional(),
})
export type Phases = z.infer<typeof phases>

/** A change or boot that came to nothing; the live generation writes it into the journal and tells subscribers. */
export const bootFailure = z.object({
  boot_id: z.string(),
  cause: bootCause,
  files: z.array(z.string()),
  phase: z.enum(['import', 'standby', 'activate', 'probation']),
  error: errorReport,
  /** epoch ms */
  at: z.number(),
})
export type BootFailure = z.infer<typeof bootFailure>

export const toGeneration = z.discriminatedUnion('type', [
  z.object({ type: z.literal('boot'), boot_id: z.string() }),
  z.object({
    type: z.literal('activate'),
    boot_id: z.string(),
    cause: bootCause,
    files: z.array(z.string()),
    /** Somebody asked for the roll-back; `files` are not live then. */
    by_hand: z.boolean(),
    /** epoch ms of the save, crash or start that led to this boot */
    at: z.number(),
    previous_end: previousEnd,
    /** what the supervisor saw of the end: exit code, signal, heartbeat */
    previous_detail: z.string().optional(),
    /** It ended with a debugger attached: nothing it had in hand is to blame. */
    previous_debugged: z.boolean().optional(),
    failures: z.array(bootFailure),
    /** the highest epoch that was live since the supervisor was started; 0 when none was */
    floor: z.number().default(0),
  }),
  z.object({ type: z.literal('retire'), reason: checkpointReason, files: z.array(z.string()) }),
  z.object({ type: z.literal('failure'), failure: bootFailure }),
  z.object({ type: z.literal('phases'), phases }),
  z.object({ type: z.literal('ping') }),
  z.object({ type: z.literal('end') }),
])
export type ToGeneration = z.infer<typeof toGeneration>

/** What goes wrong while a generation serves: an error that is caught and comes again, or what does not go on. */
export const troubleRecord = z.object({
  /** what does not work: `starting requests` */
  what: z.string(),
  message: z.string(),
  /** the line of ksi's code where it was thrown: `src/daemon/completion/settle.ts:42` */
  file: z.string().nullable(),
  /** the file of the disk it is about */
  path: z.string().nullable(),
  /** epoch ms of the first time in a row */
  since: z.number(),
  times: z.number(),
  /** what clients asked for does not go on because of it */
  grave: z.boolean(),
})
export type Trouble = z.infer<typeof troubleRecord>

export const restoreReport = z.object({
  queued: z.number(),
  adopted: z.number(),
  requeued: z.number(),
  lost: z.number(),
  poisoned: z.number(),
  recovered_outcomes: z.number(),
})
export type RestoreReport = z.infer<typeof restoreReport>

export const fromGeneration = z.discriminatedUnion('type', [
  z.object({ type: z.literal('spare') }),
  z.object({ type: z.literal('standby'), phases }),
  z.object({
    type: z.literal('live'),
    generation: z.number(),
    phases,
    restored: restoreReport,
    previous_end: previousEnd,
  }),
  z.object({ type: z.literal('retired') }),
  z.object({ type: z.literal('failed'), error: errorReport }),
  z.object({ type: z.literal('troubled'), error: errorReport }),
  /** Which quotas of bytes are nearly reached, or are: all of them. */
  z.object({ type: z.literal('condition'), filling: z.array(z.string()), troubles: z.array(troubleRecord) }),
  z.object({ type: z.literal('pong') }),
  /** On its way to live it waits for a sync of the journal, which takes longer than it should; or does not any more. */
  z.object({ type: z.literal('syncing'), syncing: z.boolean() }),
])
export type FromGeneration = z.infer<typeof fromGeneration>

/** Runner host ↔ runner, over the runner's IPC channel. */
export const toRunner = z.discriminatedUnion('type', [
  /** Import our own code as it is on disk, and get ready for work. */
  z.object({ type: z.literal('begin') }),
  z.object({ type: z.literal('ping') }),
  z.object({ type: z.literal('drain') }),
  z.object({ type: z.literal('end') }),
])
export type ToRunner = z.infer<typeof toRunner>
export const fromRunner = z.discriminatedUnion('type', [
  /** Started, and nothing of our own code imported yet. */
  z.object({ type: z.literal('spare') }),
  /** It can be given work; what it speaks of contracts/runner.ts */
  z.object({ type: z.literal('ready'), protocol: z.number(), oldest: z.number() }),
  /** `running`: runs that have no outcome yet */
  z.object({ type: z.literal('pong'), running: z.number() }),
  z.object({ type: z.literal('idle') }),
])
export type FromRunner = z.infer<typeof fromRunner>

/** A request or subscription that ended two generations, each of which had nothing else in hand. */
export const poisonRecord = z.object({
  event: z.string(),
  request_id: z.string().nullable(),
  /** epoch ms of the last time */
  at: z.number(),
  /** how often it was put aside */
  times: z.number(),
})
export type PoisonRecord = z.infer<typeof poisonRecord>

/** What of the journal was lost, until somebody has acknowledged it. */
export const lossRecord = z.object({
  /** epoch ms */
  at: z.number(),
  /** what happened, and where what is damaged lies now, in sentences */
  message: z.string(),
  /** requests that waited or ran and of which nothing is left; null: nobody can say how many */
  requests: z.number().nullable(),
  /** requests whose content is gone: told as failed, and named there */
  failed: z.number(),
})
export type LossRecord = z.infer<typeof lossRecord>

/** What the supervisor says of itself: the reply to `supervisor:status`, and part of its own `system:health`. */
export const supervisorStatus = z.object({
  phase: z.enum(['starting', 'live', 'swapping', 'crashed', 'stopping']),
  /** epoch ms since when the phase holds */
  phase_since: z.number(),
  mode: z.enum(['dev', 'production']),
  /** Why there is no live generation, or why the last change is not live; null when all is well. */
  problem: z.string().nullable(),
  generation: z.number().nullable(),
  generation_since: z.number().nullable(),
  last_failure: bootFailure.nullable(),
  /** Trouble in the live generation that did not end it: an unhandled promise rejection. */
  trouble: z.object({ error: errorReport, at: z.number() }).nullable(),
  /** Which quotas of bytes are nearly reached, or are, and what to do. */
  filling: z.array(z.string()),
  /** What goes wrong while it serves, by its own word. */
  troubles: z.array(troubleRecord),
  /** A debugger is attached to the live generation: no heartbeat and no deadline applies to it. */
  debugged: z.boolean(),
  /** What was put aside because it ended generations. */
  poison: z.array(poisonRecord),
  /** Parts of ksi that are not there although it serves, each with why. */
  missing: z.array(z.string()),
  /** What of the journal was lost and not acknowledged: `ksi losses acknowledge`. */
  losses: z.array(lossRecord),
  /** Files of the supervisor itself that changed: they wait for a restart of the whole. */
  waiting_for_restart: z.array(z.string()),
  swaps: z.number(),
  failed_swaps: z.number(),
  crashes: z.number(),
  next_try_at: z.number().nullable(),
  spare: z.boolean(),
  watching: z.boolean(),
  /** What of the source folder is seen later than it could be, and why; null when all is seen at once. */
  watch_problem: z.string().nullable(),
  connections: z.number(),
  held_lines: z.number(),
  runner_host: z.object({
    state: z.enum(['up', 'draining', 'down']),
    /** in a container of its own */
    elsewhere: z.boolean(),
    /** epoch ms since when it is reached; null while it is not */
    since: z.number().nullable(),
  }),
  runners: z.array(z.object({ id: z.string(), accepting: z.boolean(), since: z.number() })),
  sidecar: z.object({ url: z.string() }).nullable(),
  addresses: z.object({ socket: z.string(), tcp: z.string() }),
  journal: z.object({ path: z.string(), kept: z.boolean() }),
  started_at: z.number(),
  pid: z.number(),
})
export type SupervisorStatus = z.infer<typeof supervisorStatus>
