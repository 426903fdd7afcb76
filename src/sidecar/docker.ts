import Docker from 'dockerode'
import { backoffMs, sleep } from '../lib/backoff.ts'
import { messageOf, systemCodeOf } from '../lib/errors.ts'
import type { Log } from '../lib/log.ts'
import { LineDecoder } from '../lib/ndjson.ts'
import { EngineEvents } from './engine-events.ts'
import type { Poller } from './poller.ts'
import { startPoller } from './poller.ts'
import type { NewestReading } from './reading.ts'
import type { ContainerFact, DockerFacts } from './container-words.ts'

const requestLimitMs = 3_000
/** The engine tells of every change; this is for what it could not tell while the stream was away. */
const refreshMs = 10_000
const retryMs = 2_000
/** How far back the events of a sidecar that has just started go. */
const historySeconds = 3_600
const maxEventBytes = 1_048_576

/**
 * Follows this Compose project's containers through the socket proxy.
 * @param options.proxy path of the proxy's Unix socket
 */
export function startDockerSource(options: {
  proxy: string
  project: string
  newest: NewestReading<DockerFacts>
  log: Log
}): Poller {
  const { proxy, project, newest, log } = options
  const docker = new Docker({ socketPath: proxy })
  const filters = { label: [`com.docker.compose.project=${project}`] }
  const events = new EngineEvents()
  // `stream.destroy()` of an event stream can keep the process alive; aborting does not.
  const ending = new AbortController()
  let containers: ContainerFact[] = []

  const look = async (): Promise<void> => {
    try {
      containers = await readContainers(
        docker,
        filters,
        AbortSignal.any([ending.signal, AbortSignal.timeout(requestLimitMs)]),
      )
      newest.good({ containers, events: events.events })
    } catch (error) {
      if (!ending.signal.aborted)
        newest.bad('failed', `The Docker proxy ${proxy} does not answer as it should (${reasonOf(error)}).`)
    }
  }
  const poller = startPoller({ everyMs: () => (newest.reading.state === 'fine' ? refreshMs : retryMs), look })
  const onLine = (line: string): void => {
    if (events.push(line)) poller.poke()
  }
  const following = follow({
    docker,
    filters,
    events,
    onLine,
    changed: () => poller.poke(),
    signal: ending.signal,
    log,
  })
  return {
    poke: () => poller.poke(),
    stop: async () => {
      ending.abort()
      await Promise.all([poller.stop(), following])
    },
  }
}

async function readContainers(
  docker: Docker,
  filters: { label: string[] },
  abortSignal: AbortSignal,
): Promise<ContainerFact[]> {
  const listed = await docker.listContainers({ all: true, filters, abortSignal })
  const facts = await Promise.all(listed.slice(0, 100).map(({ Id }) => readContainer(docker, Id, abortSignal)))
  return facts
    .filter((fact) => fact !== undefined)
    .toSorted((a, b) => a.service.localeCompare(b.service) || a.name.localeCompare(b.name))
}

async function readContainer(docker: Docker, id: string, abortSignal: AbortSignal): Promise<ContainerFact | undefined> {
  try {
    const { Name, Config, State, RestartCount } = await docker.getContainer(id).inspect({ abortSignal })
    const neverStarted = State.StartedAt.startsWith('0001-')
    return {
      service: Config.Labels['com.docker.compose.service'] ?? '?',
      id: id.slice(0, 12),
      name: Name.replace(/^\//, ''),
      state: State.Status,
      health: State.Health?.Status ?? null,
      started_at: neverStarted ? null : new Date(State.StartedAt).toISOString(),
      restart_count: RestartCount,
      oom_killed: State.OOMKilled,
      exit_code: State.Running || neverStarted ? null : State.ExitCode,
    }
  } catch (error) {
    // Removed between the list and this look.
    if (typeof error === 'object' && error !== null && 'statusCode' in error && error.statusCode === 404)
      return undefined
    throw error
  }
}

/** Reads the engine's events, again and again from where they broke off. */
async function follow(options: {
  docker: Docker
  filters: { label: string[] }
  events: EngineEvents
  onLine: (line: string) => void
  /** The stream stands, or has broken off: either way the containers are worth a look. */
  changed: () => void
  signal: AbortSignal
  log: Log
}): Promise<void> {
  const { docker, filters, events, onLine, changed, signal, log } = options
  let attempt = 0
  while (!signal.aborted) {
    try {
      const since = events.sinceSeconds ?? Math.floor(Date.now() / 1_000) - historySeconds
      const stream = await docker.getEvents({
        since,
        filters: { ...filters, type: ['container'] },
        abortSignal: signal,
      })
      attempt = 0
      changed()
      // One JSON object a line, but a chunk can hold half of one, or several.
      const decoder = new LineDecoder(maxEventBytes, onLine)
      for await (const chunk of stream) decoder.push(Buffer.from(chunk))
    } catch (error) {
      log.debug({ err: error }, 'the stream of engine events broke off')
    }
    changed()
    attempt += 1
    await sleep(backoffMs(attempt, { baseMs: 500, maxMs: 10_000 }), signal)
  }
}

function reasonOf(error: unknown): string {
  const code = systemCodeOf(error)
  if (code === 'ENOENT') return 'its container does not run'
  if (code === 'ECONNREFUSED') return 'connection refused'
  if (code === 'ABORT_ERR') return `no reply within ${requestLimitMs} ms`
  return messageOf(error).trim()
}
