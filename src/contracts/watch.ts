import { z } from 'zod'

/* The process that watches the source folder, and who started it (supervisor or sidecar), over its IPC channel. */

/** Files by path (relative to the source folder, with `/`) and the hash of what they hold. */
const hashes = z.array(z.tuple([z.string(), z.string()]))

export const toWatch = z.discriminatedUnion('type', [
  /** Said once, right after the start. */
  z.object({
    type: z.literal('watch'),
    /** the source folder */
    root: z.string(),
    /** do not wait for events, look every now and then */
    poll: z.boolean(),
    /** what is known already: only what differs from it is told */
    known: hashes,
    /** where what the files held is kept, by hash; nowhere when not said */
    keep: z.string().optional(),
  }),
  z.object({ type: z.literal('ping') }),
])
export type ToWatch = z.infer<typeof toWatch>

export const fromWatch = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('changed'),
    changed: hashes,
    removed: z.array(z.string()),
    /** epoch ms: the newest time stamp of the changed files; now, when files were only removed */
    saved_at: z.number(),
  }),
  z.object({
    type: z.literal('watching'),
    /** whether events of the file system say when to look, or only the clock does */
    how: z.enum(['events', 'polling']),
    files: z.number(),
    /** what is seen later than it could be, and why */
    problem: z.string().nullable(),
  }),
  z.object({ type: z.literal('pong') }),
])
export type FromWatch = z.infer<typeof fromWatch>
