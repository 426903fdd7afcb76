import { z } from 'zod'

/** What a run has used, in the words of no provider: what one does not tell is 0. */
export const usage = () =>
  z.object({
    /** all that was read, cached or not */
    input_tokens: z.number(),
    output_tokens: z.number(),
    /** of the input: taken from the provider's cache */
    cache_read_tokens: z.number(),
    /** of the input: put into it */
    cache_write_tokens: z.number(),
    /** US dollars; only where the provider says what it costs */
    cost_usd: z.number().optional(),
  })
export type Usage = z.infer<ReturnType<typeof usage>>
