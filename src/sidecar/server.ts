import Fastify from 'fastify'
import type { FastifyBaseLogger, FastifyInstance, FastifyReply } from 'fastify'
import { messageOf, systemCodeOf } from '../lib/errors.ts'
import type { Log } from '../lib/log.ts'
import type { Access } from './access.ts'
import { guard, securityHeaders } from './guard.ts'
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
  access: Access
  log: Log
  /** Pause between pings of an open stream; 15 s unless a test is in a hurry. */
  pingMs?: number
  /** How long a client may take to send its request, in ms; 5 s unless a test is in a hurry. */
  requestLimitMs?: number
}

/** A page with its streams takes a few; the rest is for probes and other programs. */
const maxConnections = 512

/** The sidecar's HTTP server, not yet listening. It only ever tells: there is no route that changes anything. */
export async function createServer(options: ServerOptions): Promise<FastifyInstance> {
  const { hub, readiness, hosts, access, log, pingMs = 15_000, requestLimitMs = 5_000 } = options
  // Pages and probes ask all day long: fastify's own lines about each request stay out of the log.
  const loggerInstance: FastifyBaseLogger = log.child({}, { level: log.isLevelEnabled('warn') ? 'warn' : log.level })
  const server = Fastify({
    loggerInstance,
    // Without it `close()` waits for every open event stream.
    forceCloseConnections: true,
    bodyLimit: 1_024,
    requestTimeout: requestLimitMs,
    keepAliveTimeout: 10_000,
    http: {
      headersTimeout: requestLimitMs,
      connectionsCheckingInterval: Math.ceil(requestLimitMs / 5),
      maxHeaderSize: 8_192,
    },
    frameworkErrors: (error, _request, reply) => void onError(error, reply),
  })
  server.server.maxConnections = maxConnections
  server.addHook('onRequest', async (request, reply) => guard(request, reply, { hosts, access }))
  server.addHook('onResponse', async (request, reply) =>
    log.debug(
      {
        method: request.method,
        path: pathOf(request.url),
        status: reply.statusCode,
        ms: Math.round(reply.elapsedTime),
      },
      'answered',
    ),
  )
  server.setNotFoundHandler((request, reply) =>
    sendProblem(reply, {
      status: 404,
      code: 'KSI_NOT_FOUND',
      title: 'Not found',
      detail: `There is nothing at ${pathOf(request.url)}. Try /, /status, /events, /livez or /readyz.`,
    }),
  )
  server.setErrorHandler((error, _request, reply) => onError(error, reply))
  await server.register(healthRoutes, { readiness })
  await server.register(statusRoutes, { hub })
  await server.register(eventRoutes, { hub, pingMs, headers: securityHeaders })
  await server.register(pageRoutes, { access })
  return server
}

/** Without what follows the path, which may be a token: no log has it. */
function pathOf(url: string): string {
  return url.split('?', 1)[0] ?? ''
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
