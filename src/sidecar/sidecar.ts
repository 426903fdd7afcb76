import type { SupervisorStatus } from '../contracts/control.ts'
import type { Settings } from '../contracts/settings.ts'
import type { JournalFacts } from '../contracts/status.ts'
import { KsiError, systemCodeOf } from '../lib/errors.ts'
import type { Log } from '../lib/log.ts'
import { SecretFile } from '../lib/secret-file.ts'
import { openJournalReader } from '../store/reader.ts'
import type { JournalReader } from '../store/reader.ts'
import { Access } from './access.ts'
import { createClientLink } from './link.ts'
import type { Knowledge } from './knowledge.ts'
import { startPoller } from './poller.ts'
import type { Poller } from './poller.ts'
import { NewestReading } from './reading.ts'
import type { Readiness } from './routes/health.ts'
import { createServer } from './server.ts'
import { startDaemonSource } from './sources/daemon.ts'
import { JournalSource } from './sources/journal.ts'
import { LogTail } from './sources/log-tail.ts'
import { ProviderSource } from './sources/providers.ts'
import { StatusHub } from './status-hub.ts'
import type { DockerFacts } from './container-words.ts'
import type { Readings } from './readings.ts'

/** A running sidecar. */
export interface Sidecar {
  /** Where it answers. */
  url: string
  stop(): Promise<void>
}

const watchedMs = 500
/** While a change goes live nothing tells of its end. */
const changingMs = 100
/** Whether the journal has changed costs next to nothing to see. */
const watchedJournalMs = 200
const idleMs = 2_000
const noDocker = 'No container facts: KSI_DOCKER_PROXY and KSI_DOCKER_PROJECT are not set.'

/**
 * Starts the sidecar: it answers first and asks its sources then, so that it is there whatever else is not.
 * @throws KsiError KSI_PORT_IN_USE, KSI_CONFIG_INVALID
 */
export async function startSidecar(settings: Settings, log: Log): Promise<Sidecar> {
  const newest = newestReadings(settings, () => hub.readingCame())
  const readings = (): Readings => ({
    daemon: newest.daemon.reading,
    journal: newest.journal.reading,
    docker: newest.docker.reading,
  })
  let pollers: Poller[] = []
  const hub = new StatusHub({
    readings,
    onInterest: () => {
      for (const poller of pollers) poller.poke()
    },
  })
  const hosts = [settings.KSI_SIDECAR_HOST, ...settings.KSI_SIDECAR_NAMES].map((name) => name.toLowerCase())
  const readingToken = new SecretFile(settings.paths.readingToken)
  const access = new Access({ open: !settings.asksForToken, token: () => readingToken.value })
  const readiness = (): Readiness => readinessOf(readings(), pollers.length > 0)
  const sources = makeSources(settings, newest)
  const knowledge = { ...knowledgeOf(settings, sources, hub), hub, access }
  const server = await createServer({ knowledge, readiness, hosts, log })
  try {
    await server.listen({ host: settings.KSI_SIDECAR_HOST, port: settings.KSI_SIDECAR_PORT })
  } catch (error) {
    await server.close()
    throw explainListenError(error, settings)
  }
  pollers = await startSources({ settings, newest, sources, watched: () => hub.watched, log })
  return {
    url: urlOf(settings, portOf(server.addresses()[0]) ?? settings.KSI_SIDECAR_PORT),
    stop: async () => {
      hub.stop()
      await Promise.all([server.close(), ...pollers.map((poller) => poller.stop())])
    },
  }
}

interface NewestReadings {
  daemon: NewestReading<SupervisorStatus>
  journal: NewestReading<JournalFacts>
  docker: NewestReading<DockerFacts>
}

function newestReadings(settings: Settings, onReading: () => void): NewestReadings {
  const docker = dockerOf(settings) ? { onReading } : { onReading, state: 'off' as const, error: noDocker }
  return {
    daemon: new NewestReading({ onReading }),
    journal: new NewestReading({ onReading }),
    docker: new NewestReading(docker),
  }
}

function dockerOf(settings: Settings): { proxy: string; project: string } | undefined {
  const { KSI_DOCKER_PROXY: proxy, KSI_DOCKER_PROJECT: project } = settings
  if (proxy !== undefined && !proxy.startsWith('unix:/'))
    throw new KsiError('KSI_CONFIG_INVALID', `KSI_DOCKER_PROXY is no socket: "${proxy}". Say unix:/path.`)
  return proxy === undefined || project === undefined ? undefined : { proxy: proxy.slice('unix:'.length), project }
}

interface Sources {
  link: ReturnType<typeof createClientLink>
  journal: JournalSource<JournalReader>
}

function makeSources(settings: Settings, newest: NewestReadings): Sources {
  const { paths, keepsState, KSI_DAEMON_ADDRESS: address, KSI_TOKEN: given } = settings
  const own = new SecretFile(paths.readingToken)
  const token = (): string | undefined => own.value ?? (given === 'auto' ? undefined : given)
  return {
    link: createClientLink({ address: address ?? `unix:${paths.socket}`, token }),
    journal: new JournalSource({ path: paths.journal, keepsState, open: openJournalReader, newest: newest.journal }),
  }
}

/** What routes and page ask beside the status. */
function knowledgeOf(
  settings: Settings,
  { link, journal }: Sources,
  hub: StatusHub,
): Omit<Knowledge, 'hub' | 'streams' | 'access'> {
  const providers = new ProviderSource({ ask: () => link.providers(), onReading: () => hub.touch() })
  return {
    journal: (what) => journal.read(what),
    providers: () => providers.reading(),
    output: (requestId, from) => link.output(requestId, from),
    log: new LogTail(settings.paths.log),
    root: settings.paths.root,
    bare: settings.KSI_DAEMON_ADDRESS === undefined,
    now: Date.now,
  }
}

async function startSources(options: {
  settings: Settings
  newest: NewestReadings
  sources: Sources
  watched: () => boolean
  log: Log
}): Promise<Poller[]> {
  const { settings, newest, sources, watched, log } = options
  const reading = startPoller({
    everyMs: () => (watched() ? watchedJournalMs : idleMs),
    look: () => sources.journal.look(),
  })
  const journal: Poller = {
    poke: () => reading.poke(),
    stop: async () => {
      await reading.stop()
      sources.journal.close()
    },
  }
  const isSettled = (): boolean => newest.daemon.reading.facts?.phase === 'live'
  const daemon = startDaemonSource({
    link: sources.link,
    newest: newest.daemon,
    everyMs: () => (!watched() ? idleMs : isSettled() ? watchedMs : changingMs),
    changed: () => journal.poke(),
  })
  const docker = dockerOf(settings)
  if (!docker) return [daemon, journal]
  // dockerode brings ssh and gRPC along: 0.2 s that a machine without Docker need not wait for.
  const { startDockerSource } = await import('./docker.ts')
  return [daemon, journal, startDockerSource({ ...docker, newest: newest.docker, log })]
}

function readinessOf(readings: Readings, ready: boolean): Readiness {
  return {
    ready,
    sources: Object.entries(readings).map(([name, { state, error }]) => ({ name, ok: state === 'fine', error })),
  }
}

function portOf(address: string | { port: number } | null | undefined): number | undefined {
  return typeof address === 'object' ? address?.port : undefined
}

/** Where it is to be asked for: in a container, the address at which that port is published. */
function urlOf(settings: Settings, port: number): string {
  if (settings.KSI_PUBLISHED !== undefined) return `http://${settings.KSI_PUBLISHED}`
  const host = settings.KSI_SIDECAR_HOST
  return `http://${host === '0.0.0.0' || host === '::' ? 'localhost' : host.includes(':') ? `[${host}]` : host}:${port}`
}

function explainListenError(error: unknown, settings: Settings): unknown {
  const where = `${settings.KSI_SIDECAR_HOST}:${settings.KSI_SIDECAR_PORT}`
  const code = systemCodeOf(error)
  if (code === 'EADDRINUSE')
    return new KsiError(
      'KSI_PORT_IN_USE',
      `The sidecar cannot listen on ${where}: something else does. Set KSI_SIDECAR_PORT to a free port.`,
      { cause: error },
    )
  if (code === 'EADDRNOTAVAIL' || code === 'EACCES' || code === 'ENOTFOUND') {
    return new KsiError(
      'KSI_CONFIG_INVALID',
      `The sidecar cannot listen on ${where} (${code}). Correct KSI_SIDECAR_HOST or KSI_SIDECAR_PORT.`,
      {
        cause: error,
      },
    )
  }
  return error
}
