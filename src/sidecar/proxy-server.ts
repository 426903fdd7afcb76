import { createServer, get } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { z } from 'zod'
import { isObject, parseObject } from '../lib/ndjson.ts'
import { messageOf } from '../lib/errors.ts'
import type { Log } from '../lib/log.ts'

export interface DockerProxyOptions {
  /** The engine's Unix socket. */
  socketPath: string
  /** The one Compose project whose containers may be seen. */
  project: string
  log: Log
  /** How long a caller may take to say what it wants, in ms; 5 s unless a test is in a hurry. */
  headersLimitMs?: number
}

const projectLabel = 'com.docker.compose.project'
const container = /containers\/(?<id>[a-zA-Z0-9][a-zA-Z0-9_.-]{0,200})\/json/.source
const listing = /(?<listing>events|containers\/json)/.source
const route = new RegExp(`^(?<version>/v1\\.\\d{1,2})?/(?:${listing}|${container})$`)
/** What may be asked of a listing; everything else in the query is left out. */
const passedOn = ['all', 'limit', 'since', 'until']
const maxInspectBytes = 1_048_576
const replyLimitMs = 10_000
/** The one sidecar has one stream of events and asks one thing after another. */
const maxStreams = 16
const maxConnections = 64

/**
 * A window onto the Docker engine: containers and events of one Compose project, by GET, and nothing else. Whoever can
 * reach it can neither change anything nor read what belongs to other projects, nor any environment variable.
 */
export function createDockerProxy(options: DockerProxyOptions): Server {
  const { headersLimitMs = 5_000 } = options
  const limits = {
    headersTimeout: headersLimitMs,
    requestTimeout: headersLimitMs,
    connectionsCheckingInterval: Math.ceil(headersLimitMs / 5),
    keepAliveTimeout: 5_000,
    maxHeaderSize: 8_192,
  }
  const streams = new Set<ServerResponse>()
  const server = createServer(limits, (request, response) => {
    try {
      answer({ ...options, response }, request, streams)
    } catch (error) {
      // What nobody thought of costs its caller the reply, not everybody the proxy.
      options.log.error({ err: error, url: request.url }, 'a request failed')
      refuse(response, 500, 'This proxy failed to handle the request.')
    }
  })
  server.maxConnections = maxConnections
  return server
}

function answer(to: Answer, request: IncomingMessage, streams: Set<ServerResponse>): void {
  const { response, project } = to
  const [path = '', query = ''] = (request.url ?? '').split('?', 2)
  if (request.method === 'GET' && path === '/_ping')
    return void response.writeHead(200, { 'content-type': 'text/plain' }).end('OK')
  const match = request.method === 'GET' ? route.exec(path)?.groups : undefined
  if (!match)
    return refuse(
      response,
      403,
      'This proxy allows only GET of /events, /containers/json and /containers/{id}/json, ' +
        `not ${request.method} ${path}.`,
    )
  const { version = '', listing, id = '' } = match
  if (listing === undefined) return inspect({ ...to, path: `${version}/containers/${id}/json`, id })
  const asked = listingQuery(query, project)
  if (asked === undefined) return refuse(response, 400, 'The filters are no JSON object of lists of text.')
  const endless = listing === 'events'
  if (endless && streams.size >= maxStreams) return refuse(response, 503, `${maxStreams} streams are open already.`)
  if (endless) {
    streams.add(response)
    response.on('close', () => streams.delete(response))
  }
  passListing({ ...to, path: `${version}/${listing}?${asked}`, endless })
}

/** The two forms in which the engine takes filters. */
const filtersGiven = z.record(
  z.string(),
  z.union([z.array(z.string()), z.record(z.string(), z.boolean()).transform((values) => Object.keys(values))]),
)

/**
 * The caller's query with the project's label forced into its filters, whatever the caller sent; `undefined` when its
 * filters are not what filters are.
 */
export function listingQuery(query: string, project: string): string | undefined {
  const given = new URLSearchParams(query)
  const result = new URLSearchParams()
  for (const name of passedOn) {
    const value = given.get(name)
    if (value !== null) result.set(name, value)
  }
  const filters = filtersGiven.safeParse(parseObject(given.get('filters') ?? '{}'))
  if (!filters.success) return undefined
  // The engine takes both forms, but not a mixture of them.
  result.set('filters', JSON.stringify({ ...filters.data, label: [`${projectLabel}=${project}`] }))
  return result.toString()
}

interface Answer extends DockerProxyOptions {
  response: ServerResponse
}

interface Forward extends Answer {
  path: string
}

/** Passes a listing or the endless stream of events on as it comes. */
function passListing(forward: Forward & { endless: boolean }): void {
  const { response } = forward
  ask(forward, (reply) => {
    response.writeHead(reply.statusCode ?? 502, { 'content-type': 'application/json' })
    // The first event may be hours away; the caller wants to know now that the stream stands.
    response.flushHeaders()
    if (forward.endless) reply.socket.setTimeout(0)
    reply.on('error', () => response.destroy())
    reply.on('aborted', () => response.destroy())
    reply.pipe(response)
  })
}

/** Reads the whole reply, to see whose container it is and to take the environment out of it. */
function inspect(forward: Forward & { id: string }): void {
  const { response, project, id } = forward
  ask(forward, (reply) => {
    const parts: Buffer[] = []
    let bytes = 0
    reply.on('data', (part: Buffer) => {
      bytes += part.length
      if (bytes > maxInspectBytes) reply.destroy(new Error(`the reply has more than ${maxInspectBytes} bytes`))
      else parts.push(part)
    })
    reply.on('error', (error) =>
      refuse(response, 502, `The Docker engine's reply could not be read: ${error.message}.`),
    )
    reply.on('end', () => {
      const container = reply.statusCode === 200 ? parseObject(Buffer.concat(parts).toString('utf8')) : undefined
      const config = isObject(container?.['Config']) ? container['Config'] : undefined
      const labels = isObject(config?.['Labels']) ? config['Labels'] : {}
      if (!container || !config || labels[projectLabel] !== project)
        return refuse(response, 404, `There is no container ${id} in the project ${project}.`)
      delete config['Env']
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(container))
    })
  })
}

function ask(forward: Forward, onReply: (reply: IncomingMessage) => void): void {
  const { socketPath, response, path, log } = forward
  const upstream = get({ socketPath, path, headers: { host: 'docker' }, timeout: replyLimitMs, agent: false }, onReply)
  upstream.on('timeout', () => upstream.destroy(new Error(`no reply within ${replyLimitMs} ms`)))
  upstream.on('error', (error) => {
    log.warn({ err: error, path }, 'the Docker engine does not answer')
    refuse(response, 502, `The Docker engine does not answer at ${socketPath}: ${messageOf(error)}.`)
  })
  // Else a caller that goes away would leave the engine writing events for nobody.
  response.on('close', () => upstream.destroy())
}

function refuse(response: ServerResponse, status: number, message: string): void {
  if (response.headersSent) return void response.destroy()
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ message }))
}
