import { join } from 'node:path'
import type { Phases, SupervisorStatus } from '../contracts/control.ts'
import type { Settings } from '../contracts/settings.ts'
import type { CheckpointReason } from '../contracts/words.ts'
import { frugalMemory } from '../lib/frugal-memory.ts'
import { withoutKeys } from '../lib/keys.ts'
import type { KsiError } from '../lib/errors.ts'
import type { Log } from '../lib/log.ts'
import { answerer } from './answers.ts'
import { bannerLines, liveLine } from './banner.ts'
import { RunnerHost } from './children/runner-host.ts'
import { SidecarProcess } from './children/sidecar-process.ts'
import { openDebugPort } from './debug-port.ts'
import type { DebugPort } from './debug-port.ts'
import { finalError } from './first-boot.ts'
import { startFront } from './front/front.ts'
import type { Front } from './front/front.ts'
import type { Tokens } from './front/rights.ts'
import { Generations } from './generations/driver.ts'
import type { Change, Live } from './generations/state.ts'
import type { LogSink } from './log-sink.ts'
import { keepPlace } from './place-keeper.ts'
import { takePlace } from './place.ts'
import type { Place } from './place.ts'
import { checkStart, lookAtMachine } from './start-checks.ts'
import type { Room } from './start-checks.ts'
import { describe } from './status.ts'
import { describeTokens, openTokens } from './tokens.ts'
import { Changes } from './watch/changes.ts'

interface SupervisorOptions {
  settings: Settings
  env: NodeJS.ProcessEnv
  log: Log
  sink: LogSink
  /** A client asks for the end. */
  end: (reason: 'shutdown' | 'restart') => void
}

/**
 * Starts everything: locks, front, runner host, first generation, watch, sidecar.
 * @throws KsiError when it cannot serve at all: another instance, a port in use, a journal that cannot be written or is
 * newer
 */
export async function startSupervisor(options: SupervisorOptions): Promise<Supervisor> {
  const room = checkStart(options.settings, lookAtMachine(), (sentence) => options.log.warn(sentence))
  const tokens = openTokens(options.settings)
  const supervisor = new Supervisor({ ...options, room }, takePlace(options.settings), tokens)
  await supervisor.start()
  return supervisor
}

/** The parts, and how they are joined. */
export class Supervisor {
  readonly #o: SupervisorOptions & { room: Room }
  readonly #place: Place
  readonly #tokens: Tokens
  readonly #startedAt = Date.now()
  readonly #generations: Generations
  readonly #runnerHost: RunnerHost
  readonly #sidecar: SidecarProcess | undefined
  readonly #changes: Changes
  #front: Front | undefined
  #debugPort: DebugPort | undefined
  #keeper: { stop(): void } | undefined
  #bannerShown = false

  constructor(options: SupervisorOptions & { room: Room }, place: Place, tokens: Tokens) {
    const { settings, log, sink } = options
    this.#o = options
    this.#place = place
    this.#tokens = tokens
    const ours = {
      KSI_LOG_FORMAT: 'json',
      NODE_COMPILE_CACHE: join(settings.paths.run, 'compile-cache'),
      KSI_RUNNER_HOST_SOCKET: settings.paths.runnerHost,
    }
    // Keys of providers are for the runner alone: nobody else gets to see them.
    const env = { ...frugalMemory, ...withoutKeys(options.env), ...ours }
    const children = { settings, log, env, onLine: (line: string) => sink.line(line) }
    this.#generations = new Generations({
      ...children,
      // The first client may ask as soon as the front listens, so all that can answer is made before it.
      front: {
        attach: (stream) => this.#front?.attach(stream),
        hold: () => this.#front?.hold(),
        detach: (cause) => this.#front?.detach(cause),
      },
      onLive: (live, change, phases) => this.#onLive(live, change, phases),
      trees: () => this.#changes.trees,
    })
    const generations = this.#generations
    this.#runnerHost = new RunnerHost({
      ...children,
      env: { ...options.env, ...ours },
      // Where no state is kept, runs belong to this start alone.
      owner: settings.keepsState ? settings.paths.journal : `start ${this.#startedAt} of pid ${process.pid}`,
      onFailure: (failure) => generations.tellFailure(failure),
    })
    this.#sidecar = settings.KSI_SIDECAR === 'on' ? new SidecarProcess(children) : undefined
    this.#changes = new Changes({
      settings,
      env: children.env,
      log,
      onDaemon: (files, { savedAt, watchMs }) => void generations.boot({ cause: 'save', files, at: savedAt, watchMs }),
      onRunner: (files, { savedAt }) => this.#runnerHost.reload(files, savedAt),
      onSidecar: () => this.#sidecar?.restart(),
    })
  }

  async start(): Promise<void> {
    const { settings } = this.#o
    await this.#openDoors()
    this.#place.writePidFile()
    this.#keeper = keepPlace(this.#place, this.#o.log, (error) => this.#standDown(error))
    this.#sidecar?.start()
    const runnerThere = this.#runnerHost.start()
    const first = await this.#generations.boot({ cause: 'start', files: [], at: this.#startedAt })
    this.#changes.hurry()
    const error = finalError(first, settings)
    if (error === undefined) return runnerThere
    // What runs for an earlier start may be taken over by a later one.
    await this.stop('shutdown', this.#runnerHost.wasFound)
    throw error
  }

  /** At once, and without a word to files and sockets that are another's by now. Its children end with it. */
  #standDown(error: KsiError): never {
    this.#o.log.fatal(error.message)
    process.stderr.write(`ksi: ${error.message}\n`)
    process.exit(error.exitCode)
  }

  /** Ends everything, unless the runners are to stay; the live generation takes a checkpoint first. */
  async stop(reason: CheckpointReason, runnersStay = false): Promise<void> {
    this.#keeper?.stop()
    const unwatched = this.#changes.stop()
    this.#debugPort?.close()
    this.#front?.notifyShutdown(reason === 'shutdown' ? 'daemon_shutdown' : reason)
    await this.#generations.stop(reason)
    const runnersEnded = runnersStay ? this.#runnerHost.letGo() : this.#runnerHost.stop()
    await Promise.all([unwatched, runnersEnded, this.#sidecar?.stop(), this.#front?.close()])
    this.#place.release()
  }

  async #openDoors(): Promise<void> {
    const { settings, log, end, room } = this.#o
    const tokens = this.#tokens
    try {
      this.#debugPort = await openDebugPort(settings, this.#generations.inspectorPort)
      this.#front = await startFront({
        socketPath: settings.paths.socket,
        host: settings.KSI_HOST,
        port: settings.KSI_PORT,
        get token() {
          return tokens.token
        },
        get readingToken() {
          return tokens.readingToken
        },
        maxLineBytes: settings.KSI_MAX_LINE_BYTES,
        maxConnections: room.connections,
        maxSockets: room.sockets,
        holdMs: settings.KSI_HOLD_MS,
        log,
        answer: answerer({ generations: this.#generations, status: () => this.#status(), end }),
      })
    } catch (error) {
      this.#debugPort?.close()
      await this.#changes.stop()
      this.#place.release()
      throw error
    }
  }

  #status(): SupervisorStatus {
    return describe({
      settings: this.#o.settings,
      startedAt: this.#startedAt,
      generations: this.#generations,
      runnerHost: this.#runnerHost,
      changes: this.#changes,
      sidecar: this.#sidecar,
      front: this.#front,
    })
  }

  #onLive(live: Live, { cause, files }: Change, phases: Phases): void {
    const { log } = this.#o
    const { restored } = live
    this.#debugPort?.moveOn()
    log.info({ cause, files, phases, restored }, liveLine(live, files, phases))
    if (this.#bannerShown) return
    this.#bannerShown = true
    for (const line of bannerLines(this.#status(), live, {
      token: describeTokens(this.#o.settings),
      debug: this.#debugPort?.address,
    }))
      log.info(line)
  }
}
