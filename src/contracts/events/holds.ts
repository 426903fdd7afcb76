import { z } from 'zod'
import { sessionId } from '../completion.ts'
import { hold, onFailure } from '../holds.ts'
import type { EventSpec, PushSpec } from './spec.ts'

const name = z.string().min(1).max(200)

/** What is held or released: exactly one of these. */
const target = () => ({
  provider: name.nullish().describe('a provider with all its models, as anthropic'),
  model: name.nullish().describe('one model, as anthropic/claude-x'),
  conversation_id: name.nullish().describe('one conversation'),
  session_id: sessionId.nullish().describe("a session's conversation"),
  agent_id: name.nullish().describe('all requests of an agent'),
  all: z.boolean().nullish().describe('everything'),
})

/** How much may be used; null takes the setting for all. */
const policy = () =>
  z.object({
    scope: z.enum(['conversation', 'agent', 'day']),
    /** '' for the day */
    name: z.string(),
    /** of a conversation; null: as the setting KSI_ON_FAILURE says */
    on_failure: onFailure.nullable(),
    /** of a conversation in all, of an agent and of the day by UTC day; null: no budget */
    tokens: z.number().nullable(),
    cost_usd: z.number().nullable(),
    tokens_used: z.number(),
    cost_usd_used: z.number(),
  })
export type Policy = z.infer<ReturnType<typeof policy>>

/** What clients can ask for about holds and budgets. */
export const holdEvents = {
  'completion:hold': {
    summary:
      'Start no more requests of a provider, model, conversation or agent, or none at all, until it is released.',
    data: z.object({
      ...target(),
      reason: z.string().min(1).max(500).default('held by hand').describe('why, for whoever sees it'),
      for_ms: z
        .number()
        .int()
        .min(1)
        .max(31_536_000_000)
        .nullish()
        .describe('so long, in ms, instead of until released'),
    }),
    reply: () => z.object({ status: z.literal('held'), hold: hold() }),
    mutates: true,
  },
  'completion:release': {
    summary: 'Take away every hold on a provider, model, conversation or agent, or the one on everything.',
    data: z.object({ ...target(), reason: z.string().min(1).max(500).default('released by hand').describe('why') }),
    reply: () => z.object({ status: z.literal('released'), released: z.array(hold()) }),
    mutates: true,
  },
  'completion:holds': {
    summary: 'What is held, since when, until when and why.',
    data: z.object({ limit: z.number().int().min(1).max(1_000).default(200).describe('at most so many') }),
    reply: () => z.object({ holds: z.array(hold()), total: z.number() }),
  },
  'completion:policy': {
    summary: 'Tell, or change, the budget of a conversation, an agent or the day, and what a failed turn does.',
    data: z.object({
      conversation_id: name.nullish().describe('of this conversation, in all'),
      session_id: sessionId.nullish().describe("of this session's conversation, in all"),
      agent_id: name.nullish().describe('of this agent, a day'),
      day: z.boolean().nullish().describe('of everything together, a day'),
      on_failure: onFailure.nullish().describe('of a conversation: continue, or hold it when a turn fails'),
      tokens: z.number().int().min(0).nullish().describe('input and output together'),
      cost_usd: z.number().min(0).nullish().describe('US dollars, where the provider tells what it costs'),
      unset: z
        .array(z.enum(['on_failure', 'tokens', 'cost_usd']))
        .nullish()
        .describe('these are again as the settings say'),
    }),
    reply: policy,
    mutates: true,
  },
} as const satisfies Record<string, EventSpec>

/** What is pushed about holds. */
export const holdPushes = {
  'completion:held': {
    summary: 'something is held from now on, or for longer',
    data: hold,
  },
  'completion:released': {
    summary: 'a hold is over',
    data: () => hold().extend({ why: z.string() }),
  },
} as const satisfies Record<string, PushSpec>
