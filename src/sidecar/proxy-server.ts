import { createServer, get } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { isObject, parseObject } from '../lib/ndjson.ts'
import { messageOf } from '../lib/errors.ts'
import type { Log } from '../lib/log.ts'

export interface DockerProxyOptions {
  /** The engine's Unix socket. */
  socketPath: string
  /** The one Compose project whose containers may be seen. */
  project: string
  log: Log
}

const projectLabel = 'com.docker.compose.project'
const route =
  /^(?<version>\/v1\.\d{1,2})?\/(?:(?<listing>events|containers\/json)|containers\/(?<id>[a-zA-Z0-9][a-zA-Z0-9_.-]{0,200})\/json)$/
/** What may be asked of a listing; everything else in the query is left out. */
const passedOn = ['all', 'limit', 'since', 'until']
const maxInspectBytes = 4 * 1024 * 1024
const replyLimitMs = 10_000

/**
 * A window onto the Docker engine: containers and events of one Compose project, by GET, and nothing else. Whoever can
 * reach it can neither change anything nor read what belongs to other projects, nor any environment variable.
 */
export function createDockerProxy(options: DockerProxyOptions): Server {
  return createServer((request, response) => {
    const [path = '', query = ''] = (request.url ?? '').split('?', 2)
    if (request.method === 'GET' && path === '/_ping')
      return void response.writeHead(200, { 'content-type': 'text/plain' }).end('OK')
    const match = request.method === 'GET' ? route.exec(path)?.groups : undefined
    if (!match)
      return refuse(
        response,
        403,
        `This proxy allows only GET of /events, /containers/json and /containers/{id}/json, not ${request.method} ${path}.`,
      )
    const { version = '', listing, id = '' } = match
    const forward = { ...options, response }
    if (listing === undefined) inspect({ ...forward, path: `${version}/containers/${id}/json`, id })
    else
      passListing({
        ...forward,
        path: `${version}/${listing}?${listingQuery(query, options.project)}`,
        endless: listing === 'events',
      })
  })
}

/** The caller's query with the project's label forced into its filters, whatever the caller sent. */
export function listingQuery(query: string, project: string): string {
  const given = new URLSearchParams(query)
  const result = new URLSearchParams()
  for (const name of passedOn) {
    const value = given.get(name)
    if (value !== null) result.set(name, value)
  }
  const filters: Record<string, string[]> = {}
  for (const [name, values] of Object.entries(parseObject(given.get('filters') ?? '') ?? {})) {
    // The engine takes both forms, but not a mixture of them.
    filters[name] = (Array.isArray(values) ? values : Object.keys(isObject(values) ? values : {})).map(String)
  }
  filters['label'] = [`${projectLabel}=${project}`]
  result.set('filters', JSON.stringify(filters))
  return result.toString()
}

interface Forward extends DockerProxyOptions {
  response: ServerResponse
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
