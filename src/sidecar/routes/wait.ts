import type { FastifyInstance } from 'fastify'
import type { StatusDocument } from '../../contracts/status.ts'
import { KsiError } from '../../lib/errors.ts'
import { serve } from '../api/serve.ts'
import type { Knowledge } from '../knowledge.ts'

/** So many may wait at the same time. */
const maxWaiting = 100

/** `/wait`: answers once something is so. */
export async function waitRoutes(server: FastifyInstance, { knowledge }: { knowledge: Knowledge }): Promise<void> {
  const { hub } = knowledge
  let waiting = 0
  serve(server, '/wait', async ({ query, reply }) => {
    if (waiting >= maxWaiting)
      throw new KsiError('KSI_QUEUE_FULL', `${maxWaiting} wait already: ask /status now and then.`)
    const begun = performance.now()
    const gone = new AbortController()
    reply.raw.on('close', () => gone.abort())
    waiting += 1
    try {
      const { status, summary, generation } = await until(query.for, query.timeout_ms, gone.signal)
      return { waited_ms: Math.round(performance.now() - begun), status, summary, generation }
    } finally {
      waiting -= 1
    }
  })

  function until(what: string, limitMs: number, gone: AbortSignal): Promise<StatusDocument> {
    const { promise, resolve, reject } = Promise.withResolvers<StatusDocument>()
    const look = ({ document }: { document: StatusDocument }): void => {
      if (isSo(what, document)) resolve(document)
    }
    const { first, end } = hub.subscribe(look)
    look({ document: first.document })
    const timer = setTimeout(() => {
      const { summary } = hub.latest().document
      reject(new KsiError('KSI_TIMEOUT', `Not ${what} within ${limitMs} ms: ${summary}`))
    }, limitMs)
    gone.addEventListener('abort', () => reject(new KsiError('KSI_TIMEOUT', 'Nobody waits any more.')))
    return promise.finally(() => {
      end()
      clearTimeout(timer)
    })
  }
}

/** Whether it is so now. What is only the last known state of something is never taken for the present. */
function isSo(what: string, document: StatusDocument): boolean {
  const { status, phase, generation, journal, daemon } = document
  const isReady = status !== 'fail' && daemon.ok
  const [, least] = /^generation>(\d+)$/.exec(what) ?? []
  if (least !== undefined) return isReady && phase === 'live' && generation !== null && generation > Number(least)
  if (what === 'ready' || !isReady) return isReady && what === 'ready'
  if (!journal.ok || journal.facts === null) return false
  const { counts, boots } = journal.facts
  if (what === 'idle') return phase === 'live' && counts.queued === 0 && counts.processing === 0
  return boots.some((boot) => boot.generation === generation && boot.restored !== null)
}
