import { z } from 'zod'
import { requestId, sessionId } from '../completion.ts'
import { hold } from '../holds.ts'
import { providerState } from '../providers.ts'
import type { EventSpec } from './spec.ts'

/** What some runs have used together. */
const usageSum = () =>
  z.object({
    /** whose provider told what they used */
    runs: z.number(),
    input_tokens: z.number(),
    output_tokens: z.number(),
    total_tokens: z.number(),
    cache_read_tokens: z.number(),
    cache_write_tokens: z.number(),
    /** US dollars; null where no provider said */
    cost_usd: z.number().nullable(),
  })
export type UsageSum = z.infer<ReturnType<typeof usageSum>>

export type UsageGroup = 'day' | 'agent' | 'conversation' | 'model'

/** Which sums are asked for; null: all. */
export interface UsageFilter {
  /** hours since 1970 */
  since: number
  agent_id: string | null
  model: string | null
  conversation: string | null
}

/** What clients can ask about providers. */
export const providerEvents = {
  'completion:provider_status': {
    summary: 'How the providers stand: whether they have what they need, and how their last runs ended.',
    data: z.object({ provider: z.string().max(200).nullish().describe('only this one') }),
    reply: () =>
      z.object({
        providers: z.array(
          providerState().extend({
            /** completions of it that run now */
            running: z.number(),
            /** what keeps it, or models of it, from being asked */
            holds: z.array(hold()),
          }),
        ),
      }),
  },
  'completion:token_usage': {
    summary: 'Tokens (and cost, where the provider tells it) by day, agent, conversation and model.',
    data: z.object({
      request_id: requestId.nullish().describe('only of this request, as long as it is kept'),
      conversation_id: z.string().max(200).nullish().describe('only of this conversation'),
      session_id: sessionId.nullish().describe("only of this session's conversation"),
      agent_id: z.string().max(200).nullish().describe('only of this agent'),
      model: z.string().max(200).nullish().describe('only of this model'),
      hours: z.number().min(0).max(10_000).nullish().describe('only of so many hours before now'),
    }),
    reply: () =>
      z.object({
        total: usageSum(),
        /** by UTC day, as 2026-11-24; each group holds the 1,000 with the most tokens */
        by_day: z.record(z.string(), usageSum()),
        /** '' are requests without one */
        by_agent: z.record(z.string(), usageSum()),
        by_conversation: z.record(z.string(), usageSum()),
        by_model: z.record(z.string(), usageSum()),
      }),
  },
} as const satisfies Record<string, EventSpec>
