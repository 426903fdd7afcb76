import Fastify from 'fastify'
import type { FastifyBaseLogger, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { messageOf, systemCodeOf } from '../lib/errors.ts'
import type { Log } from '../lib/log.ts'
import { isAllowedHost } from './allowed-host.ts'
import { sendProblem } from './problem.ts'
import { eventRoutes } from './routes/events.ts'
import { healthRoutes } from './routes/health.ts'
import type { Readiness } from './routes/health.ts'
import { pageRoutes } from './routes/page.ts'
import { statusRoutes } from './routes/status.ts'
import type { StatusHub } from './status-hub.ts'

export interface ServerOptions {
  hub: StatusHub
  readiness: () => Readiness
  /** Names by which the server may be asked for, besides the local ones. */
  hosts: readonly string[]
  log: Log
  /** Pause between pings of an open stream; 15 s unless a test is in a hurry. */
  pingMs?: number
}

const securityHeaders = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
}

/** The sidecar's HTTP server, not yet listening. It only ever tells: there is no route that changes anything. */
export async function createServer(options: ServerOptions): Promise<FastifyInstance> {
  const { hub, readiness, hosts, log, pingMs = 15_000 } = options
  // Pages and probes ask all day long: fastify's own lines about each request stay out of the log.
  const loggerInstance: FastifyBaseLogger = log.child({}, { level: log.isLevelEnabled('warn') ? 'warn' : log.level })
  const server = Fastify({
    loggerInstance,
    // Without it `close()` waits for every open event stream.
    forceCloseConnections: true,
    bodyLimit: 1_024,
    frameworkErrors: (error, _request, reply) => void onError(error, reply),
  })
  server.addHook('onRequest', async (request, reply) => guard(request, reply, hosts))
  server.addHook('onResponse', async (request, reply) =>
    log.debug(
      { method: request.method, url: request.url, status: reply.statusCode, ms: Math.round(reply.elapsedTime) },
      'answered',
    ),
  )
  server.setNotFoundHandler((request, reply) =>
    sendProblem(reply, {
      status: 404,
      code: 'KSI_NOT_FOUND',
      title: 'Not found',
      detail: `There is nothing at ${request.url}. Try /, /status, /events, /livez or /readyz.`,
    }),
  )
  server.setErrorHandler((error, _request, reply) => onError(error, reply))
  await server.register(healthRoutes, { readiness })
  await server.register(statusRoutes, { hub })
  await server.register(eventRoutes, { hub, pingMs, headers: securityHeaders })
  await server.register(pageRoutes)
  return server
}

async function guard(
  request: FastifyRequest,
  reply: FastifyReply,
  hosts: readonly string[],
): Promise<FastifyReply | undefined> {
  reply.headers(securityHeaders)
  if (!isAllowedHost(request.headers.host, hosts)) {
    const detail = `This server does not answer for the name "${request.headers.host ?? ''}". Use localhost, or an address.`
    return sendProblem(reply, { status: 403, code: 'KSI_UNAUTHORIZED', title: 'Unknown host', detail })
  }
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    const detail = 'The sidecar only tells, it changes nothing: use GET, or the ksi command.'
    return sendProblem(reply.header('allow', 'GET, HEAD'), {
      status: 405,
      code: 'KSI_BAD_REQUEST',
      title: 'Method not allowed',
      detail,
    })
  }
  return undefined
}

function onError(error: unknown, reply: FastifyReply): FastifyReply {
  const given = typeof error === 'object' && error !== null && 'statusCode' in error ? Number(error.statusCode) : 500
  const status = given >= 400 && given < 600 ? given : 500
  if (status >= 500) reply.log.error({ err: error }, 'a request failed')
  const title = status >= 500 ? 'Internal error' : 'Bad request'
  return sendProblem(reply, {
    status,
    code: status >= 500 ? 'KSI_INTERNAL' : 'KSI_BAD_REQUEST',
    title,
    detail: `${messageOf(error)} ${systemCodeOf(error) ?? ''}`.trim(),
  })
}
