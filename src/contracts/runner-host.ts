import { z } from 'zod'
import { bootFailure } from './control.ts'
import { hostProtocol } from './protocol.ts'

/*
 * Whoever has to do with runners ↔ runner host: one JSON object a line over the host's Unix socket. A client says
 * hello, then watches: it is told which runners there are, now and at each change. Nobody but the host knows a runner's
 * process. The host outlives the others, and they outlive it: unknown fields are ignored on both sides and missing ones
 * have defaults, so that old and new can talk (contracts/protocol.ts).
 */

/** What a side speaks; one that does not say is of the first version. */
const spoken = { protocol: z.number().default(1), oldest: z.number().default(1) }

/** Of causes and phases that only newer code knows, the likeliest here. */
const { cause, phase } = bootFailure.shape
const heardFailure = bootFailure.extend({ cause: cause.catch('save'), phase: phase.catch('import') })

/** A runner one may talk to; only one takes new work. */
const runnerAddress = z.object({
  id: z.string(),
  /** the path of its Unix socket */
  socket: z.string(),
  accepting: z.boolean(),
  /** epoch ms of its start */
  since: z.number(),
  /** what it speaks of contracts/runner.ts */
  ...spoken,
})
export type RunnerAddress = z.infer<typeof runnerAddress>

/** All there is to know of the runners. */
const runnerList = z.object({
  runners: z.array(runnerAddress),
  /**
   * Runners that have ended in peace: every outcome of theirs was committed or lies in its log, so a request one was
   * given that has none is one it never read.
   */
  drained: z.array(z.string()).default([]),
  /** Why no runner takes work; null when one does. */
  problem: z.string().nullable().default(null),
  /** Why the newest code of the runner is not in use; null when it is. */
  failure: heardFailure.nullable().default(null),
  /** It ends once what runs has ended, and takes no new work: that waits for the next host. */
  draining: z.boolean().default(false),
  /** Files of the host itself that are not what it was started from. */
  outdated: z.array(z.string()).default([]),
})
export type RunnerList = z.infer<typeof runnerList>

export const toRunnerHost = z.discriminatedUnion('type', [
  z.object({ type: z.literal('hello'), protocol: z.number() }),
  z.object({ type: z.literal('watch') }),
  /**
   * From the supervisor: stay for as long as this connection lasts, send what is printed, start runners in this
   * environment, and see whether the code on disk has changed while nobody watched it.
   */
  z.object({ type: z.literal('keep'), env: z.record(z.string(), z.string()).optional() }),
  /** Start a runner with the code on disk: these files were saved at `at` (epoch ms). */
  z.object({ type: z.literal('reload'), id: z.number(), files: z.array(z.string()), at: z.number() }),
  /** Take no new work, and end when what runs has ended, or after KSI_DRAIN_MS. */
  z.object({ type: z.literal('drain') }),
  /** End all runners, and then yourself. */
  z.object({ type: z.literal('end') }),
])
export type ToRunnerHost = z.infer<typeof toRunnerHost>

export const fromRunnerHost = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('welcome'),
    ...spoken,
    /** whose journal its runs belong to; null for one in a container of its own */
    owner: z.string().nullable().default(null),
    pid: z.number().nullable().default(null),
  }),
  runnerList.extend({ type: z.literal('runners') }),
  /** The answer to `reload`: a runner with this code takes the new work, or why it does not. */
  z.object({ type: z.literal('reloaded'), id: z.number(), failure: heardFailure.nullable() }),
  /** What it and its runners have printed: to whoever keeps it. */
  z.object({ type: z.literal('printed'), lines: z.array(z.string()) }),
])
export type FromRunnerHost = z.infer<typeof fromRunnerHost>

/** The first line of every client. */
export const hello: ToRunnerHost = { type: 'hello', protocol: hostProtocol.protocol }
