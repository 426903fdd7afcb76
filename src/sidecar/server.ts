import Fastify from 'fastify'
import type { FastifyBaseLogger, FastifyInstance, FastifyReply } from 'fastify'
import { KsiError, messageOf, systemCodeOf } from '../lib/errors.ts'
import type { Log } from '../lib/log.ts'
import { problemOf } from './api/serve.ts'
import { guard, securityHeaders } from './guard.ts'
import type { Knowledge } from './knowledge.ts'
import { sendProblem } from './problem.ts'
import { diagnosticRoutes } from './routes/diagnostics.ts'
import { eventRoutes } from './routes/events.ts'
import { healthRoutes } from './routes/health.ts'
import type { Readiness } from './routes/health.ts'
import { journalRoutes } from './routes/journal.ts'
import { logRoutes } from './routes/logs.ts'
import { metricRoutes } from './routes/metrics.ts'
import { pageRoutes } from './routes/page.ts'
import { requestStreamRoutes } from './routes/request-stream.ts'
import { statusRoutes } from './routes/status.ts'
import { waitRoutes } from './routes/wait.ts'
import { Streams } from './streams.ts'

export interface ServerOptions {
  knowledge: Omit<Knowledge, 'streams'>
  readiness: () => Readiness
  /** Names by which the server may be asked for, besides the local ones. */
  hosts: readonly string[]
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
  const { readiness, hosts, pingMs = 15_000 } = options
  const streams = new Streams({ headers: securityHeaders, pingMs })
  const knowledge: Knowledge = { ...options.knowledge, streams }
  const { hub, access } = knowledge
  const server = bareServer(options)
  server.addHook('onRequest', async (request, reply) => guard(request, reply, { hosts, access }))
  server.addHook('preClose', async () => streams.end())
  await server.register(healthRoutes, { readiness })
  await server.register(statusRoutes, { hub })
  for (const routes of [
    eventRoutes,
    journalRoutes,
    requestStreamRoutes,
    logRoutes,
    waitRoutes,
    metricRoutes,
    diagnosticRoutes,
    pageRoutes,
  ])
    await server.register(routes, { knowledge })
  return server
}

function bareServer({ log, requestLimitMs = 5_000 }: ServerOptions): FastifyInstance {
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
  server.addHook('onResponse', async (request, reply) => {
    const ms = Math.round(reply.elapsedTime)
    log.debug({ method: request.method, path: pathOf(request.url), status: reply.statusCode, ms }, 'answered')
  })
  server.setNotFoundHandler((request, reply) =>
    sendProblem(reply, {
      status: 404,
      code: 'KSI_NOT_FOUND',
      title: 'Not found',
      detail: `There is nothing at ${pathOf(request.url)}. Try /, /status, /events, or what /openapi.json lists.`,
    }),
  )
  server.setErrorHandler((error, _request, reply) => onError(error, reply))
  return server
}

/** Without what follows the path, which may be a token: no log has it. */
function pathOf(url: string): string {
  return url.split('?', 1)[0] ?? ''
}

function onError(error: unknown, reply: FastifyReply): FastifyReply {
  if (error instanceof KsiError) return sendProblem(reply, problemOf(error))
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
