import { z } from 'zod'
import { checkpointSummary } from './checkpoint.ts'
import { bootFailure, phases, restoreReport, supervisorStatus } from './control.ts'
import { hold } from './holds.ts'
import { bootCause, previousEnd } from './words.ts'

/** A boot as the journal has it. `at`, `live_at`, `ended_at` are ISO 8601. */
export const bootRecord = z.object({
  boot_id: z.string(),
  /** null for a boot that never went live */
  generation: z.number().nullable(),
  cause: bootCause,
  files: z.array(z.string()),
  at: z.string(),
  live_at: z.string().nullable(),
  ended_at: z.string().nullable(),
  /** how this generation ended: handover, clean, crash (with detail), or null while it lives */
  end: z.string().nullable(),
  previous_end: previousEnd,
  previous_detail: z.string().nullable(),
  phases,
  restored: restoreReport.nullable(),
  error: bootFailure.shape.error.nullable(),
})
export type BootRecord = z.infer<typeof bootRecord>

/** One queue, for pictures of the whole. */
const queueRow = z.object({
  conversation: z.string(),
  session_id: z.string().nullable(),
  agent_id: z.string().nullable(),
  queued: z.number(),
  running: z.string().nullable(),
  not_before: z.string().nullable(),
})

/** A running request. */
const runningRow = z.object({
  request_id: z.string(),
  conversation: z.string(),
  session_id: z.string().nullable(),
  model: z.string(),
  attempts: z.number(),
  started_at: z.string(),
})

/** What the journal alone can tell, read-only: also when every other process is dead. */
export const journalFacts = z.object({
  generation: z.number(),
  counts: z.object({
    queued: z.number(),
    processing: z.number(),
    completed: z.number(),
    failed: z.number(),
    cancelled: z.number(),
  }),
  lost: z.number(),
  last_seq: z.number(),
  boots: z.array(bootRecord),
  checkpoints: z.array(checkpointSummary()),
  queues: z.array(queueRow),
  /** what is held, the widest first, and how much that is in all */
  holds: z.array(hold()),
  held: z.number(),
  running: z.array(runningRow),
})
export type JournalFacts = z.infer<typeof journalFacts>

/** A container of this Compose project. */
const containerFact = z.object({
  service: z.string(),
  id: z.string(),
  name: z.string(),
  state: z.string(),
  health: z.string().nullable(),
  started_at: z.string().nullable(),
  restart_count: z.number(),
  oom_killed: z.boolean(),
  exit_code: z.number().nullable(),
})
const containerEvent = z.object({
  at: z.string(),
  service: z.string(),
  action: z.string(),
  detail: z.string().nullable(),
})

/** A source of the status document, and whether it can be read now. */
const source = <T extends z.ZodType>(facts: T) =>
  z.object({ ok: z.boolean(), error: z.string().nullable(), at: z.string().nullable(), facts: facts.nullable() })

/** The sidecar's `/status`. */
export const statusDocument = z.object({
  /** pass: serving · warn: serving, but the last change is not live or something is missing · fail: not serving */
  status: z.enum(['pass', 'warn', 'fail']),
  /** One sentence: what is the case, since when, and why. */
  summary: z.string(),
  /** The first part of it: what is the case and since when. */
  lead: z.string(),
  /** The rest: what a person should know, with the command that is the next step, where there is one. */
  notes: z.array(
    z.object({
      text: z.string(),
      since: z.string(),
      command: z.string().nullable(),
      /** failure: the change that is not live, of which `daemon.facts.last_failure` tells more */
      kind: z.enum(['failure', 'note']),
    }),
  ),
  /** Since when it is not known what the daemon does: what is told of that is older. null: it is known. */
  unknown_since: z.string().nullable(),
  since: z.string(),
  generation: z.number().nullable(),
  phase: z.string(),
  at: z.string(),
  daemon: source(supervisorStatus),
  journal: source(journalFacts),
  docker: source(z.object({ containers: z.array(containerFact), events: z.array(containerEvent) })),
})
export type StatusDocument = z.infer<typeof statusDocument>
