import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isObject, parseObject } from '../../lib/ndjson.ts'

export interface FakeContainer {
  id: string
  project: string
  service: string
  state?: Record<string, unknown>
}

/**
 * A Docker engine on a Unix socket, as far as the proxy lets anybody see it; it filters by label as the real one does.
 */
export interface FakeEngine {
  socketPath: string
  /** The request lines that reached it: `GET /…`. */
  requests: string[]
  containers: FakeContainer[]
  /** Sends the bytes to everybody who follows the events. */
  send(bytes: string): void
  /** Cuts the open event streams. */
  cut(): void
  /** Resolves when somebody follows the events. */
  followed(): Promise<void>
  /** Resolves when nobody does any more. */
  unfollowed(): Promise<void>
  stop(): Promise<void>
}

export async function startFakeEngine(containers: FakeContainer[]): Promise<FakeEngine> {
  const dir = await mkdtemp(join(tmpdir(), 'ksi-engine-'))
  const socketPath = join(dir, 'docker.sock')
  const streams = new Set<ServerResponse>()
  const requests: string[] = []
  let waiting: (() => void)[] = []
  const tell = (): void => {
    for (const wake of waiting.splice(0)) wake()
  }
  const until = async (condition: () => boolean): Promise<void> => {
    while (!condition()) await new Promise<void>((resolve) => waiting.push(resolve))
  }
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`)
    const url = new URL(request.url ?? '', 'http://docker')
    const path = url.pathname.replace(/^\/v1\.\d+/, '')
    if (path === '/events') {
      response.writeHead(200, { 'content-type': 'application/json' }).flushHeaders()
      streams.add(response)
      response.on('close', () => {
        streams.delete(response)
        tell()
      })
      return tell()
    }
    const found =
      path === '/containers/json' ? listed(containers, url) : inspected(containers, path.split('/')[2] ?? '')
    response
      .writeHead(found === undefined ? 404 : 200, { 'content-type': 'application/json' })
      .end(JSON.stringify(found ?? { message: 'No such container' }))
  })
  await new Promise<void>((resolve) => server.listen(socketPath, resolve))
  return {
    socketPath,
    requests,
    containers,
    send: (bytes) => {
      for (const stream of streams) stream.write(bytes)
    },
    cut: () => {
      for (const stream of streams) stream.destroy()
    },
    followed: () => until(() => streams.size > 0),
    unfollowed: () => until(() => streams.size === 0),
    stop: async () => {
      waiting = []
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await rm(dir, { recursive: true, force: true })
    },
  }
}

function labelsOf(container: FakeContainer): Record<string, string> {
  return { 'com.docker.compose.project': container.project, 'com.docker.compose.service': container.service }
}

function listed(containers: FakeContainer[], url: URL): unknown {
  const wanted = parseObject(url.searchParams.get('filters') ?? '')?.['label']
  const labels = Array.isArray(wanted) ? wanted.map(String) : Object.keys(isObject(wanted) ? wanted : {})
  const fits = (container: FakeContainer): boolean =>
    labels.every((label) => labelsOf(container)[label.split('=')[0] ?? ''] === label.split('=')[1])
  return containers.filter(fits).map((container) => ({ Id: container.id, Labels: labelsOf(container) }))
}

function inspected(containers: FakeContainer[], id: string): unknown {
  const container = containers.find((each) => each.id === id)
  if (!container) return undefined
  const state = {
    Status: 'running',
    Running: true,
    OOMKilled: false,
    ExitCode: 0,
    StartedAt: '2026-11-22T12:00:00.5Z',
    Health: { Status: 'healthy' },
  }
  const config = { Labels: labelsOf(container), Env: ['ANTHROPIC_API_KEY=secret'] }
  return {
    Id: id,
    Name: `/${container.project}-${container.service}-1`,
    RestartCount: 0,
    State: { ...state, ...container.state },
    Config: config,
  }
}

let nano = Date.UTC(2026, 10, 22, 12) * 1e6

/** A line of the event stream, later than the one before. */
export function engineEvent(service: string, action: string, attributes: Record<string, string> = {}): string {
  nano += 1e9
  const Attributes = { 'com.docker.compose.service': service, ...attributes }
  return `${JSON.stringify({ Type: 'container', Action: action, Actor: { ID: 'x', Attributes }, timeNano: nano })}\n`
}
