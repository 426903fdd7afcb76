import { z } from 'zod'
import { sessionId } from '../completion.ts'
import { when } from '../when.ts'
import type { EventSpec } from './spec.ts'

/** A line of a response file, as a message. */
const message = () =>
  z.object({
    /** ISO 8601 */
    timestamp: z.string(),
    /** You, Claude, or the provider */
    sender: z.string(),
    content: z.string(),
    /** claude: an answer, whoever gave it; KSI's clients know these two words */
    type: z.enum(['user', 'claude']),
    request_id: z.string(),
    /** the content is longer than a reply can be, and was cut */
    truncated: z.literal(true).optional(),
  })
export type ConversationMessage = z.infer<ReturnType<typeof message>>

const listed = () =>
  z.object({
    session_id: z.string(),
    conversation: z.string(),
    file_path: z.string(),
    size_bytes: z.number(),
    modified_timestamp: z.string().nullable(),
    /** null where the file was too large to look into for a listing; so with the times */
    message_count: z.number().nullable(),
    first_timestamp: z.string().nullable(),
    last_timestamp: z.string().nullable(),
    participants: z.array(z.string()),
    has_claude: z.boolean(),
    has_user: z.boolean(),
  })
export type ListedConversation = z.infer<ReturnType<typeof listed>>

const active = () =>
  z.object({
    session_id: z.string().nullable(),
    conversation: z.string(),
    agent_id: z.string().nullable(),
    /** who sent its newest request */
    client_id: z.string().nullable(),
    last_activity: z.string(),
    /** of the requests that were looked at */
    message_count: z.number(),
    model: z.string().nullable(),
    queue_size: z.number(),
    /** the request that runs */
    running: z.string().nullable(),
  })
export type ActiveConversation = z.infer<ReturnType<typeof active>>

/** What clients can ask about what was said. */
export const conversationEvents = {
  'conversation:list': {
    summary: 'The sessions of all conversations with their response files, those that began last first.',
    data: z.object({
      limit: z.number().int().min(1).max(1_000).default(100).describe('at most so many'),
      offset: z.number().int().min(0).max(10_000).default(0).describe('without the first so many'),
      sort_by: z
        .enum(['last_timestamp', 'first_timestamp', 'message_count'])
        .optional()
        .describe('order within the reply'),
      reverse: z.boolean().default(true).describe('the greatest first'),
      start_date: when.nullish().describe('only those that began then or later'),
      end_date: when.nullish().describe('only those that had begun by then'),
    }),
    reply: () =>
      z.object({
        conversations: z.array(listed()),
        /** counted up to 10,000 */
        total: z.number(),
        offset: z.number(),
        limit: z.number(),
      }),
  },
  'conversation:get': {
    summary: 'What was said in a session: each prompt, then its answer.',
    data: z.object({
      session_id: sessionId.describe('the session'),
      limit: z.number().int().min(1).max(10_000).default(1_000).describe('at most so many messages'),
      offset: z.number().int().min(0).default(0).describe('without the first so many'),
      from: z.number().int().min(0).default(0).describe('`next` of the reply before: begin there'),
    }),
    reply: () =>
      z.object({
        session_id: z.string(),
        conversation: z.string().nullable(),
        messages: z.array(message()),
        /** of those looked at, which are all of a file of up to 64 MiB */
        total: z.number(),
        offset: z.number(),
        limit: z.number(),
        /** where to go on, as `from`; null at the end */
        next: z.number().nullable(),
      }),
  },
  'conversation:active': {
    summary: 'The conversations that were used last, with what waits and runs.',
    data: z.object({
      max_lines: z.number().int().min(1).max(1_000).default(100).describe('look at the newest so many requests'),
      max_age_hours: z.number().min(0).default(2_160).describe('only those used in this time'),
    }),
    reply: () => z.object({ active_sessions: z.array(active()), total_active: z.number(), scanned_lines: z.number() }),
  },
} as const satisfies Record<string, EventSpec>
