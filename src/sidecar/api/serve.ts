import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { apiRoute } from '../../contracts/api.ts'
import type { ApiParams, ApiPath, ApiQuery, ApiReply } from '../../contracts/api.ts'
import { KsiError, messageOf } from '../../lib/errors.ts'
import type { ErrorCode } from '../../lib/errors.ts'
import { sendProblem } from '../problem.ts'

/** A request to an address of the API, checked. */
export interface Asked<P extends ApiPath> {
  params: ApiParams<P>
  query: ApiQuery<P>
  request: FastifyRequest
  reply: FastifyReply
}

/** Answers an address with what the handler gives. One that throws a KsiError answers with a problem document. */
export function serve<P extends ApiPath>(
  server: FastifyInstance,
  path: P,
  handler: (asked: Asked<P>) => ApiReply<P> | Promise<ApiReply<P>>,
): void {
  const { type = 'application/json' } = apiRoute(path)
  serveRaw(server, path, async (asked) => {
    const body = await handler(asked)
    return asked.reply
      .header('cache-control', 'no-store')
      .type(`${type}; charset=utf-8`)
      .send(typeof body === 'string' ? body : JSON.stringify(body))
  })
}

/** The same for a handler that sends, or streams, by itself. */
export function serveRaw<P extends ApiPath>(
  server: FastifyInstance,
  path: P,
  handler: (asked: Asked<P>) => FastifyReply | Promise<FastifyReply>,
): void {
  const { content = false, type } = apiRoute(path)
  const options = { exposeHeadRoute: type !== 'text/event-stream', config: { content } }
  server.get(path, options, async (request, reply) => {
    try {
      return await handler({ ...read(path, request), request, reply })
    } catch (error) {
      if (error instanceof KsiError) return sendProblem(reply, problemOf(error))
      throw error
    }
  })
}

/** @throws KsiError KSI_BAD_REQUEST, which names what is not understood */
function read<P extends ApiPath>(path: P, request: FastifyRequest): Pick<Asked<P>, 'params' | 'query'> {
  const { params, query } = apiRoute(path)
  const part = (schema: typeof params, given: unknown): unknown => {
    const parsed = schema?.strict().safeParse(given)
    if (parsed === undefined || parsed.success) return parsed?.data ?? {}
    const [issue] = parsed.error.issues
    const where = issue?.path.join('.') ?? ''
    const detail = `${where === '' ? '' : `${where}: `}${issue?.message ?? 'not understood'}.`
    throw new KsiError('KSI_BAD_REQUEST', `${detail} /openapi.json says what ${path} takes.`)
  }
  return {
    params: part(params, request.params) as ApiParams<P>,
    query: part(query, withoutToken(request.query)) as ApiQuery<P>,
  }
}

function withoutToken(query: unknown): unknown {
  if (typeof query !== 'object' || query === null) return {}
  return Object.fromEntries(Object.entries(query).filter(([name]) => name !== 'token'))
}

const statusOf: Partial<Record<ErrorCode, [number, string]>> = {
  KSI_BAD_REQUEST: [400, 'Bad request'],
  KSI_NOT_FOUND: [404, 'Not found'],
  KSI_UNREACHABLE: [503, 'Not known'],
  KSI_TIMEOUT: [504, 'Not in time'],
  KSI_QUEUE_FULL: [503, 'Too many'],
}

/** A KsiError as a problem document. */
export function problemOf(error: KsiError): { status: number; code: KsiError['code']; title: string; detail: string } {
  const [status, title] = statusOf[error.code] ?? [500, 'Error']
  return { status, code: error.code, title, detail: messageOf(error) }
}
