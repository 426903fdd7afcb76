import { z } from 'zod'
import { agentId } from '../completion.ts'
import type { EventSpec, PushSpec } from './spec.ts'

const agentStatus = z.enum(['active', 'idle'])

/** An agent in a listing. */
const listedAgent = () =>
  z.object({
    agent_id: z.string(),
    /** active: something of it is queued or runs */
    status: agentStatus,
    /** what it said of itself when it registered, if it did */
    component: z.string().nullable(),
    created_at: z.string().nullable(),
    /** nothing is kept under one: for KSI's clients, which look for it */
    metadata_namespace: z.null(),
  })

/** An agent with where it stands. */
const agent = () =>
  listedAgent().extend({
    registered: z.boolean(),
    config: z.object({ model: z.string().nullable() }),
    /** as it gave it */
    info: z.record(z.string(), z.unknown()),
    conversation: z.string().nullable(),
    session_id: z.string().nullable(),
    queued: z.number(),
    last_activity: z.string().nullable(),
  })
export type Agent = z.infer<ReturnType<typeof agent>>

const which = () => z.object({ agent_id: agentId.describe('the agent') })

/** What clients can send about agents and the conversations they are in. */
export const agentEvents = {
  'agent:register': {
    summary: 'Say who an agent is; one that sends requests without is known all the same.',
    data: which().extend({
      info: z.looseObject({}).default({}).describe('what it says of itself: component, model, …'),
    }),
    reply: () => z.object({ agent_id: z.string(), status: z.literal('registered') }),
    mutates: true,
  },
  'agent:unregister': {
    summary: 'Forget an agent; what it has queued goes on.',
    data: which(),
    reply: () => z.object({ agent_id: z.string(), status: z.literal('unregistered') }),
    mutates: true,
  },
  'agent:list': {
    summary: 'The agents that registered or sent a request, by name.',
    data: z.object({
      limit: z.number().int().min(1).max(1_000).default(1_000).describe('at most so many'),
      after: z.string().max(200).default('').describe('only those after this agent_id'),
    }),
    reply: () =>
      z.object({
        agents: z.array(listedAgent()),
        count: z.number(),
        /** where to go on, as `after`; null when there are no more */
        next: z.string().nullable(),
      }),
  },
  'agent:info': {
    summary: 'An agent, and where its conversation stands.',
    data: which(),
    reply: agent,
  },
  'completion:clear_agent_session': {
    summary: "The agent's next request begins a new conversation.",
    data: which(),
    reply: () =>
      z.discriminatedUnion('status', [
        z.object({ status: z.literal('cleared'), agent_id: z.string(), old_session: z.string().nullable() }),
        z.object({ status: z.literal('not_found'), agent_id: z.string() }),
      ]),
    mutates: true,
  },
  'completion:reset_conversation': {
    summary: "The agent's next request begins a new conversation, and subscribers are told.",
    data: which().extend({ depth: z.number().int().min(0).default(0).describe('0: nothing of it is kept') }),
    reply: () =>
      z.object({
        agent_id: z.string(),
        reset: z.boolean(),
        had_active_session: z.boolean(),
        reset_type: z.literal('full'),
        contexts_kept: z.literal(0),
      }),
    mutates: true,
  },
  'completion:get_conversation_summary': {
    summary: "An agent's conversation in numbers.",
    data: which(),
    reply: () =>
      z.object({
        agent_id: z.string(),
        has_active_session: z.boolean(),
        conversation: z.string().nullable(),
        session_id: z.string().nullable(),
        model: z.string().nullable(),
        /** of those that are kept; counted up to 1,000 */
        request_count: z.number(),
        queued: z.number(),
        /** the request that runs */
        running: z.string().nullable(),
        last_activity: z.string().nullable(),
      }),
  },
} as const satisfies Record<string, EventSpec>

/** What is pushed about the conversations of agents. */
export const agentPushes = {
  'conversation:reset': {
    summary: 'an agent begins anew: its next request is in another conversation',
    data: () =>
      z.object({
        agent_id: z.string(),
        conversation: z.string(),
        session_id: z.string().nullable(),
        reset_type: z.literal('full'),
        contexts_kept: z.literal(0),
      }),
  },
} as const satisfies Record<string, PushSpec>
