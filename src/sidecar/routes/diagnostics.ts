import type { FastifyInstance } from 'fastify'
import { version } from '../../contracts/version.ts'
import { KsiError } from '../../lib/errors.ts'
import { iso } from '../../lib/time.ts'
import type { JournalReader } from '../../store/reader.ts'
import { serve } from '../api/serve.ts'
import type { Knowledge } from '../knowledge.ts'

const lines = 500
const rows = 100

/** `/diagnostics`: what helps to understand a fault, to be sent to somebody else: no prompt and no answer unasked. */
export async function diagnosticRoutes(
  server: FastifyInstance,
  { knowledge }: { knowledge: Knowledge },
): Promise<void> {
  const { hub, journal, log, now } = knowledge
  serve(server, '/diagnostics', ({ query, reply }) => {
    const isWhole = query.content === 'yes'
    reply.header('content-disposition', `attachment; filename="ksi-diagnostics-${iso(now()).slice(0, 19)}.json"`)
    const read = <T>(what: (reader: JournalReader) => T[]): T[] => orNone(() => journal(what))
    return {
      version,
      node: process.version,
      at: iso(now()),
      status: hub.ask(),
      checkpoints: read(({ cuts }) => cuts.list(50)),
      log: log.last({ limit: lines }).found.map((line) => (isWhole ? line : { ...line, more: {} })),
      requests: read(({ requests }) => requests.list({ limit: rows }).found).map(({ prompt, ...request }) =>
        isWhole ? { ...request, prompt } : request,
      ),
      events: read(({ events }) => events.list({ limit: rows }).found).map(({ data, ...event }) =>
        isWhole ? { ...event, data } : event,
      ),
    }
  })
}

/** Where the journal cannot be read the status says so. */
function orNone<T>(read: () => T[]): T[] {
  try {
    return read()
  } catch (error) {
    if (error instanceof KsiError) return []
    throw error
  }
}
