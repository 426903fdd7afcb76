import { z } from 'zod'
import { usage } from './usage.ts'

/**
 * A piece of a run's output, as its provider handed it over: text and reasoning to be put together in their order, a
 * part of the arguments of the tool call with that index, what was used so far, or anything else as it came.
 */
export const chunk = () =>
  z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('text'), text: z.string() }),
    z.object({ kind: z.literal('reasoning'), text: z.string() }),
    z.object({
      kind: z.literal('tool'),
      index: z.number(),
      id: z.string().optional(),
      name: z.string().optional(),
      arguments: z.string(),
    }),
    z.object({ kind: z.literal('usage'), usage: usage() }),
    z.object({ kind: z.literal('raw'), data: z.unknown() }),
  ])
export type Chunk = z.infer<ReturnType<typeof chunk>>

/** The same as it is heard or read: of a kind that is not known here, since newer code has said it, it is `raw`. */
export const heardChunk = () => chunk().catch(({ value }): Chunk => ({ kind: 'raw', data: value }))
