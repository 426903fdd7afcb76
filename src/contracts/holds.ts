import { z } from 'zod'

/*
 * A hold keeps requests from being started, and nothing else: what runs goes on, what is queued stays as it is, in its
 * order. It says what is held (scope and name), why (cause and reason) and until when.
 */

/** What is held: a provider and all its models, one model, an agent's requests, one conversation, or everything. */
export const holdScope = z.enum(['all', 'provider', 'model', 'agent', 'conversation'])
export type HoldScope = z.infer<typeof holdScope>

/**
 * limit: a limit of use the provider has told of · circuit: it was overloaded, or not reached, again and again ·
 * failure: a turn failed, and its conversation is not to go on without it · budget: what may be used is used up ·
 * manual: somebody asked for it
 */
export const holdCause = z.enum(['limit', 'circuit', 'failure', 'budget', 'manual'])
export type HoldCause = z.infer<typeof holdCause>

/** When a turn fails: the conversation's next request is started, or waits for `completion:release`. */
export const onFailure = z.enum(['continue', 'hold'])
export type OnFailure = z.infer<typeof onFailure>

/** A hold as it is told. Times are ISO 8601. */
export const hold = () =>
  z.object({
    scope: holdScope,
    /** of the provider, model, agent or conversation; '' for everything */
    name: z.string(),
    cause: holdCause,
    /** in the words of whoever caused it */
    reason: z.string(),
    since: z.string(),
    /** null: until it is released */
    until: z.string().nullable(),
    /** held: nothing is started · due: its time is over, the next request is its probe · probing: one request runs */
    phase: z.enum(['held', 'due', 'probing']),
    /** the request that is its probe now: only when that is answered the others follow */
    probe: z.string().nullable(),
    /** how often in a row it was found to be so */
    times: z.number(),
  })
export type Hold = z.infer<ReturnType<typeof hold>>

/** Causes that end with a probe that is answered; others end with their time, or when they are released. */
export function endsWithProbe(cause: HoldCause): boolean {
  return cause === 'limit' || cause === 'circuit'
}
