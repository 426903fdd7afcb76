import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { BootFailure, SupervisorStatus } from '../contracts/control.ts'
import type { Settings } from '../contracts/settings.ts'
import type { CheckpointReason } from '../contracts/words.ts'
import { KsiError, errorCodes } from '../lib/errors.ts'
import type { ErrorCode } from '../lib/errors.ts'
import type { Log } from '../lib/log.ts'
import { lockInstance } from '../store/instance-lock.ts'
import { bannerLines } from './banner.ts'
import { classify } from './watch/change-kinds.ts'
import { startFront } from './front/front.ts'
import type { Front } from './front/front.ts'
import { Generations } from './generations/generations.ts'
import type { Change } from './generations/succession.ts'
import type { LogSink } from './log-sink.ts'
import { RunnerReloads } from './children/runner-reloads.ts'
import { Runners } from './children/runners.ts'
import { SidecarProcess } from './children/sidecar-process.ts'
import { SparePool } from './generations/spare-pool.ts'
import { startWatch } from './watch/watch.ts'
import type { Watch, WatchedChange } from './watch/watch.ts'

export interface Supervisor {
  stop(reason: CheckpointReason): Promise<void>
}

/**
 * Starts everything: locks, front, runner, first generation, watch, sidecar.
 * @param end called when a client asks for the end
 * @throws KsiError when it cannot serve at all: another instance, a port in use, a journal that cannot be written or is
 * newer
 */
export async function startSupervisor(options: {
  settings: Settings
  env: NodeJS.ProcessEnv
  log: Log
  sink: LogSink
  end: (reason: string) => void
}): Promise<Supervisor> {
  const { settings, env, log, sink, end } = options
  const { paths } = settings
  mkdirSync(paths.run, { recursive: true })
  const lock = lockInstance([join(paths.run, 'daemon.lock'), `${paths.journal}.lock`])
  if (!settings.keepsState) for (const suffix of ['', '-wal', '-shm']) rmSync(paths.journal + suffix, { force: true })

  const children = {
    settings,
    log,
    env: { ...env, KSI_LOG_FORMAT: 'json', NODE_COMPILE_CACHE: join(paths.run, 'compile-cache') },
    onLine: (line: string) => sink.line(line),
  }
  const startedAt = Date.now()
  const waiting = new Set<string>()
  let watch: Watch | undefined
  let front: Front | undefined

  const runners = new Runners({ ...children, onChange: () => generations.tellRunners() })
  const runnerReloads = new RunnerReloads({
    log,
    start: () => runners.start(),
    onFailure: (failure) => generations.tellFailure(failure),
    onMended: (failure) => {
      if (generations.record.lastFailure === failure) generations.record.lastFailure = null
    },
  })
  const spares = new SparePool(children)
  const sidecar = settings.KSI_SIDECAR === 'on' ? new SidecarProcess(children) : undefined
  const status = (): SupervisorStatus => describe()
  let bannerShown = false

  const answer = async (event: string): Promise<unknown> => {
    switch (event) {
      case 'supervisor:status':
        return status()
      case 'system:reload':
        return toReloadReply(await generations.boot({ cause: 'reload', files: [], at: Date.now() }))
      case 'system:shutdown':
        setImmediate(() => end('system:shutdown'))
        return { shutdown_initiated: true }
      default:
        return {
          status: generations.record.phase === 'stopping' ? 'stopping' : 'restarting',
          generation: generations.record.generation,
          problem: generations.record.problem,
          next_try_at: generations.record.nextTryAt,
        }
    }
  }
  const generations = new Generations({
    settings,
    log,
    // The first client may ask as soon as the front listens, so all that can answer is made before it.
    front: {
      attach: (stream) => front?.attach(stream),
      hold: () => front?.hold(),
      detach: (cause) => front?.detach(cause),
    },
    spares,
    runners: () => runners.addresses(),
    onLive: (live, change, phases) => {
      const { generation, restored } = live
      log.info(
        { cause: change.cause, files: change.files, phases, restored },
        `generation ${generation} is live after ${phases.total ?? 0} ms`,
      )
      if (bannerShown) return
      bannerShown = true
      for (const line of bannerLines(status(), live)) log.info(line)
    },
  })

  const describe = (): SupervisorStatus => ({
    phase: generations.record.phase,
    phase_since: generations.record.phaseSince,
    mode: settings.KSI_MODE,
    problem: generations.record.problem ?? runnerReloads.problem ?? runners.problem,
    generation: generations.record.generation,
    generation_since: generations.record.liveSince,
    last_failure: generations.record.lastFailure ?? runnerReloads.failure,
    trouble: generations.trouble,
    poison: front?.poison() ?? [],
    waiting_for_restart: [...waiting],
    swaps: generations.record.swaps,
    failed_swaps: generations.record.failedSwaps,
    crashes: generations.record.crashes,
    next_try_at: generations.record.nextTryAt,
    spare: spares.waiting,
    watching: watch !== undefined,
    connections: front?.stats().connections ?? 0,
    held_lines: front?.stats().heldLines ?? 0,
    runners: runners.facts(),
    sidecar:
      settings.KSI_SIDECAR === 'off'
        ? null
        : { url: `http://${settings.KSI_SIDECAR_HOST}:${settings.KSI_SIDECAR_PORT}/` },
    addresses: {
      socket: paths.socket,
      tcp: settings.KSI_PUBLISHED ?? `${settings.KSI_HOST}:${front?.tcpPort ?? settings.KSI_PORT}`,
    },
    journal: { path: paths.journal, kept: settings.keepsState },
    started_at: startedAt,
    pid: process.pid,
  })

  const onChange = ({ files, savedAt, watchMs }: WatchedChange): void => {
    const kinds = classify(files)
    log.info({ files }, 'saved')
    if (kinds.runner.length > 0) runnerReloads.saved(kinds.runner, savedAt)
    if (kinds.daemon.length > 0)
      void generations.boot({ cause: 'save', files: kinds.daemon, at: savedAt, watchMs } satisfies Change)
    if (kinds.sidecar.length > 0) sidecar?.restart()
    for (const file of kinds.supervisor) waiting.add(file)
    if (kinds.supervisor.length > 0)
      log.warn({ files: kinds.supervisor }, 'the supervisor does not reload itself: restart ksi to use this change')
  }
  const stop = async (reason: CheckpointReason): Promise<void> => {
    const unwatched = watch?.stop()
    runnerReloads.stop()
    front?.notifyShutdown(reason === 'shutdown' ? 'daemon_shutdown' : reason)
    await generations.stop(reason)
    await Promise.all([unwatched, runners.stop(), sidecar?.stop(), front?.close()])
    rmSync(paths.pidFile, { force: true })
    lock.release()
  }

  front = await startFront({
    socketPath: paths.socket,
    host: settings.KSI_HOST,
    port: settings.KSI_PORT,
    token: settings.KSI_TOKEN,
    maxLineBytes: settings.KSI_MAX_LINE_BYTES,
    maxConnections: settings.KSI_MAX_CONNECTIONS,
    holdMs: settings.KSI_HOLD_MS,
    log,
    answer,
  }).catch((error: unknown) => {
    lock.release()
    throw error
  })
  writePidFile(paths.pidFile)
  sidecar?.start()
  const [first] = await Promise.all([
    generations.boot({ cause: 'start', files: [], at: startedAt }),
    runners.startFirst(),
  ])
  if (settings.KSI_MODE === 'dev') watch = startWatch({ root: paths.src, poll: settings.KSI_WATCH_POLL, log, onChange })
  if (first.status === 'failed' && isFinal(first.failure, settings)) {
    await stop('shutdown')
    throw asKsiError(first.failure)
  }
  return { stop }
}

function toReloadReply(result: Awaited<ReturnType<Generations['boot']>>): Record<string, unknown> {
  if (result.status === 'live') return { ...result, status: 'reloaded' }
  return { status: 'failed', error: result.failure.error.message, failure: result.failure }
}

/**
 * A first boot that no save can mend (the journal, the configuration), or any in production: there is nobody to save.
 */
function isFinal(failure: BootFailure, settings: Settings): boolean {
  return settings.KSI_MODE === 'production' || isErrorCode(failure.error.code)
}

function asKsiError({ error }: BootFailure): KsiError {
  return new KsiError(isErrorCode(error.code) ? error.code : 'KSI_INTERNAL', error.message, { cause: error })
}

function isErrorCode(code: string | undefined): code is ErrorCode {
  return code !== undefined && Object.hasOwn(errorCodes, code) && code !== 'KSI_TIMEOUT'
}

/** KSI's own clients look here whether a daemon lives (ksi-wire §1.7): the pid stays the same over all generations. */
function writePidFile(path: string): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(`${path}.new`, `${process.pid}\n`)
  renameSync(`${path}.new`, path)
}
