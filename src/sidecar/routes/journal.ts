import type { FastifyInstance } from 'fastify'
import { codeFrameOf } from '../../lib/error-frame.ts'
import { KsiError } from '../../lib/errors.ts'
import { serve } from '../api/serve.ts'
import type { Knowledge } from '../knowledge.ts'

/** Lines of the log that go with a boot. */
const bootLines = 200
const dayMs = 86_400_000

/** What is read of the journal: boots, checkpoints, conversations and requests. */
export async function journalRoutes(server: FastifyInstance, { knowledge }: { knowledge: Knowledge }): Promise<void> {
  const { journal } = knowledge
  bootRoutes(server, knowledge)
  serve(server, '/checkpoints', ({ query }) => ({ found: journal(({ cuts }) => cuts.list(query.limit)) }))
  serve(server, '/checkpoints/:id', ({ params }) =>
    found(
      journal(({ cuts }) => cuts.get(params.id)),
      `checkpoint ${params.id}`,
    ),
  )
  serve(server, '/checkpoints/:a/diff/:b', ({ params: { a, b } }) =>
    found(
      journal(({ cuts }) => cuts.compare(a, b)),
      `checkpoint ${a}, or none ${b}`,
    ),
  )
  serve(server, '/conversations', ({ query }) =>
    journal(({ conversations }) => {
      const { conversations: total, more } = conversations.count()
      return { ...conversations.list(query), total, more }
    }),
  )
  serve(server, '/requests', ({ query }) => journal(({ requests }) => requests.list(query)))
  serve(server, '/requests/:id', ({ params: { id } }) => requestWithBoots(knowledge, id))
  serve(server, '/providers', () => providersAndUsage(knowledge))
}

function bootRoutes(server: FastifyInstance, knowledge: Knowledge): void {
  const { journal, log, root } = knowledge
  serve(server, '/boots', ({ query }) => ({ found: journal(({ boots }) => boots.list(query.limit)) }))
  serve(server, '/boots/:id', ({ params: { id } }) => {
    const boot = found(
      journal(({ boots }) => boots.get(id)),
      `boot ${id}`,
    )
    const { generation, error } = boot
    return {
      boot,
      code_frame: error === null ? null : (codeFrameOf(root, error)?.text ?? null),
      log: generation === null ? [] : log.last({ boot: generation, limit: bootLines }).found,
    }
  })
}

/** A request with the generations it lived through. @throws KsiError KSI_NOT_FOUND */
function requestWithBoots({ journal, now }: Knowledge, id: string) {
  return journal(({ requests, boots }) => {
    const request = found(requests.get(id), `request ${id}`)
    const end = request.finished_at === null ? now() : Date.parse(request.finished_at)
    return { ...request, generations: boots.within(Date.parse(request.queued_at), end) }
  })
}

/** How the providers stand, and what was used in the last 24 hours, by model. */
function providersAndUsage({ journal, providers, now }: Knowledge) {
  const { state, error, facts } = providers()
  const sums = Object.entries(journal((reader) => reader.usageSince(now() - dayMs)))
  return {
    providers: state === 'fine' ? facts : null,
    error,
    usage: sums.map(([model, { runs, input_tokens, output_tokens, cost_usd }]) => ({
      model,
      runs,
      input_tokens,
      output_tokens,
      cost_usd,
    })),
  }
}

/** @throws KsiError KSI_NOT_FOUND */
function found<T>(value: T | undefined, what: string): T {
  if (value !== undefined) return value
  throw new KsiError('KSI_NOT_FOUND', `There is no ${what} in the journal: it never was, or is no longer kept.`)
}
