import { z } from 'zod'
import { chunk } from '../chunk.ts'
import { requestId, requestStatus } from '../completion.ts'
import type { EventSpec, PushSpec } from './spec.ts'

/** What clients can send to follow a request's output as it comes. */
export const streamEvents = {
  'completion:stream': {
    summary: "Push a request's output to this connection as it comes, from any place on, and then its outcome.",
    data: z.object({
      request_id: requestId.describe('the request'),
      attempt: z.number().int().min(1).default(1).describe('the attempt of the last chunk you have'),
      from: z.number().int().min(0).default(0).describe('the offset in it of the first chunk you want'),
    }),
    reply: () =>
      z.object({ status: z.literal('streaming'), request_id: z.string(), attempt: z.number(), from: z.number() }),
  },
  'completion:stop_stream': {
    summary: "Push no more of a request's output to this connection.",
    data: z.object({ request_id: requestId.describe('the request') }),
    reply: () => z.object({ status: z.enum(['stopped', 'not_streaming']), request_id: z.string() }),
  },
} as const satisfies Record<string, EventSpec>

/** What is pushed on a stream, and to nobody else: it does not go through the journal and has no `seq`. */
export const streamPushes = {
  'completion:delta': {
    summary: 'a piece of the output of a request you stream; a new attempt begins at offset 0',
    data: () => z.object({ request_id: z.string(), attempt: z.number(), offset: z.number() }).and(chunk()),
  },
  'completion:stream_end': {
    summary: 'the request you stream has its outcome, and you have all of its output',
    data: requestStatus,
  },
} as const satisfies Record<string, PushSpec>
