import { z } from 'zod'
import { bootFailure } from './control.ts'

/*
 * Whoever has to do with runners ↔ runner host: one JSON object a line over the host's Unix socket. A client says
 * hello, then watches: it is told which runners there are, now and at each change. Nobody but the host knows a runner's
 * process. Unknown fields are ignored on both sides, so that old and new can talk.
 */

/** Goes up when a side can no longer be understood by one that speaks the version before. */
export const runnerHostProtocol = 1

/** A runner one may talk to; only one takes new work. */
const runnerAddress = z.object({
  id: z.string(),
  /** the path of its Unix socket */
  socket: z.string(),
  accepting: z.boolean(),
  /** epoch ms of its start */
  since: z.number(),
})
export type RunnerAddress = z.infer<typeof runnerAddress>

/** All there is to know of the runners. */
const runnerList = z.object({
  runners: z.array(runnerAddress),
  /**
   * Runners that have ended in peace: every outcome of theirs was committed, so a request one was given that has none
   * is one it never read.
   */
  drained: z.array(z.string()),
  /** Why no runner takes work; null when one does. */
  problem: z.string().nullable(),
  /** Why the newest code of the runner is not in use; null when it is. */
  failure: bootFailure.nullable(),
})
export type RunnerList = z.infer<typeof runnerList>

export const toRunnerHost = z.discriminatedUnion('type', [
  z.object({ type: z.literal('hello'), protocol: z.number() }),
  z.object({ type: z.literal('watch') }),
  /** Start a runner with the code on disk: these files were saved at `at` (epoch ms). */
  z.object({ type: z.literal('reload'), id: z.number(), files: z.array(z.string()), at: z.number() }),
  /** End all runners, and then yourself. */
  z.object({ type: z.literal('end') }),
])
export type ToRunnerHost = z.infer<typeof toRunnerHost>

export const fromRunnerHost = z.discriminatedUnion('type', [
  z.object({ type: z.literal('welcome'), protocol: z.number() }),
  runnerList.extend({ type: z.literal('runners') }),
  /** The answer to `reload`: a runner with this code takes the new work, or why it does not. */
  z.object({ type: z.literal('reloaded'), id: z.number(), failure: bootFailure.nullable() }),
])
export type FromRunnerHost = z.infer<typeof fromRunnerHost>
