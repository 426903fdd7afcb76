import type { FastifyInstance } from 'fastify'
import { KsiError, messageOf } from '../../lib/errors.ts'
import { serveRaw } from '../api/serve.ts'
import type { Knowledge } from '../knowledge.ts'
import { eventText } from '../streams.ts'

/** `/requests/:id/stream`: a request's output as it comes. A browser that comes back goes on where it was. */
export async function requestStreamRoutes(
  server: FastifyInstance,
  { knowledge }: { knowledge: Knowledge },
): Promise<void> {
  serveRaw(server, '/requests/:id/stream', async ({ params, query, request, reply }) => {
    const [, attempt, offset] = /^(\d{1,9}):(\d{1,12})$/.exec(String(request.headers['last-event-id'] ?? '')) ?? []
    const from = attempt === undefined ? query : { attempt: Number(attempt), from: Number(offset) + 1 }
    if (knowledge.journal(({ requests }) => requests.get(params.id)) === undefined)
      throw new KsiError('KSI_NOT_FOUND', `There is no request ${params.id} in the journal.`)
    const stream = knowledge.streams.open(reply)
    try {
      for await (const piece of knowledge.output(params.id, { ...from, signal: stream.closed })) {
        const { data } = piece
        if (piece.event === 'completion:stream_end') await stream.write(eventText('end', JSON.stringify(data)))
        else {
          const { attempt: of, offset: at } = piece.data
          await stream.write(eventText('delta', JSON.stringify(data), `${of}:${at}`))
        }
      }
    } catch (error) {
      if (!stream.closed.aborted) await stream.write(eventText('trouble', JSON.stringify({ detail: messageOf(error) })))
    }
    stream.end()
    return reply
  })
}
