import { dirname, join } from 'node:path'
import type { BootFailure } from '../contracts/control.ts'
import type { RunnerList } from '../contracts/runner-host.ts'
import { sleep } from '../lib/backoff.ts'
import { exitCodes, messageOf } from '../lib/errors.ts'
import { createPlainLog } from '../lib/plain-log.ts'
import type { WordLog } from '../lib/plain-log.ts'
import { changedFiles, ofHost, readCode } from './host/code.ts'
import { Drained } from './host/drained.ts'
import { isSame, readHostSettings } from './host/host-settings.ts'
import type { HostSettings } from './host/host-settings.ts'
import { endLeftRunners, removeSockets } from './host/left-runners.ts'
import { Linger } from './host/linger.ts'
import { Printed } from './host/printed.ts'
import { Reloads } from './host/reloads.ts'
import { RunnerPool } from './host/runner-pool.ts'
import { startHostServer } from './host/server.ts'
import type { HostServer } from './host/server.ts'
import { openChildRegister } from './orphans.ts'

/*
 * The runner host: starts, watches and ends the runners, and is reached by its socket only. It outlives whoever has
 * started it. It is to be small, since it is one more process that is always there: no schemas, no log library, nothing
 * of the daemon.
 */

/** One that was asked to drain by who is about to stop it (a pre_stop hook) waits so long, in ms, for that. */
const stopMs = 15_000
/** Whoever has started it is given at least so long, in ms, to come for the first time. */
const firstMs = 10_000

async function main(env: NodeJS.ProcessEnv): Promise<void> {
  // What it and its runners write is for the owner alone.
  process.umask(0o077)
  const settings = readHostSettings(env)
  const printed = new Printed(settings.alone ? await openStdout(env['KSI_LOG_FORMAT']) : undefined)
  const log = createPlainLog('runner-host', settings.logLevel, (line) => printed.write(line.trimEnd()))
  guard(log)
  await endLeftRunners(join(settings.runDir, 'runners'), log)
  removeSockets(dirname(settings.socket))
  await new Host(settings, env, { printed, log }).start()
  // What its start has taken would stay for as long as it lives.
  setTimeout(() => globalThis.gc?.({ type: 'major', flavor: 'last-resort', execution: 'sync' }), 1_000)
}

/** Where lines go from a container of its own, in which nobody else makes them readable. */
async function openStdout(format: string | undefined): Promise<(line: string) => void> {
  if (format === 'json') return (line) => process.stdout.write(`${line}\n`)
  // Loaded only where it is needed: it would make the host larger.
  const { readableLines } = await import('../lib/readable-lines.ts')
  const readable = readableLines()
  return (line) => readable.write(`${line}\n`)
}

/** The parts, and how they are joined. */
class Host {
  readonly #log: WordLog
  readonly #printed: Printed
  readonly #pool: RunnerPool
  readonly #reloads: Reloads
  readonly #linger: Linger
  readonly #src: string
  #settings: HostSettings
  #env: NodeJS.ProcessEnv
  #code: ReturnType<typeof readCode>
  #outdated: string[] = []
  #server: HostServer | undefined
  #ending: Promise<void> | undefined
  readonly #stopAsked = Promise.withResolvers<void>()

  constructor(settings: HostSettings, env: NodeJS.ProcessEnv, { printed, log }: { printed: Printed; log: WordLog }) {
    const { root, runDir, bootMs, heartbeatMs, spare } = settings
    this.#settings = settings
    this.#env = env
    this.#printed = printed
    this.#log = log
    this.#src = join(root, 'src')
    this.#code = readCode(this.#src)
    this.#pool = new RunnerPool({
      root,
      env,
      bootMs,
      heartbeatMs,
      spare,
      log,
      register: openChildRegister(join(runDir, 'runners'), log),
      drained: new Drained(join(dirname(settings.socket), 'drained'), log),
      onLine: (line) => printed.write(line),
      onChange: () => this.#server?.tell(),
    })
    this.#reloads = new Reloads({
      log,
      start: async () => {
        await this.#pool.start()
        this.#code = { ...this.#code, runner: readCode(this.#src).runner }
      },
      onChange: () => this.#server?.tell(),
    })
    this.#linger = new Linger({
      hasItsPlace: () => this.#server?.hasItsFile() === true,
      onOver: (why) => {
        log.warn({}, `the runner host ends: ${why}`)
        this.#end()
      },
    })
  }

  async start(): Promise<void> {
    const { socket, owner, lingerMs, alone } = this.#settings
    this.#server = await startHostServer({
      socket,
      owner,
      log: this.#log,
      list: () => this.#list(),
      reload: (files, at) => this.#saved(files, at),
      keep: (env) => this.#keep(env),
      left: () => {
        if (!alone && this.#ending === undefined) this.#linger.begin(this.#settings.lingerMs)
      },
      drain: () => this.#drain(stopMs),
      end: () => this.#end(),
    })
    this.#printed.takenBy((lines) => this.#server?.print(lines) === true)
    process.on('SIGTERM', () => {
      this.#stopAsked.resolve()
      this.#drain(0)
    })
    if (!alone) this.#linger.begin(Math.max(lingerMs, firstMs))
    await this.#pool.startFirst()
  }

  #list(): RunnerList {
    const pool = this.#pool
    return {
      runners: pool.addresses(),
      drained: [...pool.drained],
      problem: pool.problem,
      failure: this.#reloads.failure,
      draining: pool.isDraining,
      outdated: this.#outdated,
    }
  }

  /** Files were saved: for its own it can do nothing but name them. */
  async #saved(files: readonly string[], at: number): Promise<BootFailure | null> {
    if (files.some((file) => ofHost.test(file))) this.#nameOutdated(readCode(this.#src).host)
    const ofRunner = files.filter((file) => !ofHost.test(file))
    return ofRunner.length > 0 ? this.#reloads.saved(ofRunner, at) : this.#reloads.failure
  }

  #nameOutdated(now: ReadonlyMap<string, string>): void {
    this.#outdated = changedFiles(this.#code.host, now)
    this.#server?.tell()
    if (this.#outdated.length > 0)
      this.#log.warn({ files: this.#outdated }, 'the runner host does not reload itself: restart it to use this change')
  }

  /** Somebody keeps it: takes over what has changed while nobody did. */
  #keep(env: Readonly<Record<string, string>> | undefined): void {
    this.#linger.stop()
    this.#printed.flush()
    const asBefore = env === undefined || isSame(env, this.#env)
    if (!asBefore) {
      this.#env = env
      this.#settings = { ...readHostSettings(env), owner: this.#settings.owner }
      this.#pool.useEnv(env)
    }
    const now = readCode(this.#src)
    const changed = changedFiles(this.#code.runner, now.runner)
    this.#nameOutdated(now.host)
    if (this.#outdated.length > 0) void this.#makeRoom()
    else if (changed.length > 0 || !asBefore) {
      this.#code = { ...this.#code, runner: now.runner }
      void this.#reloads.saved(changed, Date.now())
    }
  }

  /** Its own code has changed: it makes room for the next host if that costs nothing, and is named if it would. */
  async #makeRoom(): Promise<void> {
    if ((await this.#pool.running(1_000)) === 0) this.#drain(0)
  }

  /** Ends once what runs has ended, or the time for that is over; after `stopMs`, unless it is stopped before. */
  #drain(stopMs: number): void {
    this.#ending ??= this.#drainAndStop(stopMs)
  }

  async #drainAndStop(stopMs: number): Promise<void> {
    this.#reloads.stop()
    const { drainMs } = this.#settings
    this.#log.info({ drainMs }, 'the runner host takes no new work, and ends when what runs has ended')
    const { had, left } = await this.#pool.drain(drainMs)
    const words = left === 0 ? 'all runs have ended' : 'these are lost, or run again where asked (on_restart)'
    this.#log[left === 0 ? 'info' : 'warn'](
      {},
      `the runner host ends; ${left} of ${had} runs were still going: ${words}`,
    )
    // They are told as gone by the one who knows why.
    await this.#pool.stop()
    await Promise.race([this.#stopAsked.promise, sleep(stopMs)])
    await this.#leave()
  }

  /** Ends with all its runners. */
  #end(): void {
    const stop = async (): Promise<void> => {
      this.#reloads.stop()
      this.#linger.stop()
      // First of all: nobody is to take what ends for what comes next.
      this.#server?.close()
      await this.#pool.stop()
      process.exit(exitCodes.ok)
    }
    this.#ending = stop()
  }

  async #leave(): Promise<void> {
    this.#linger.stop()
    this.#printed.flush()
    // What was said last is read before the connection is seen to be gone.
    await new Promise((resolve) => setImmediate(resolve))
    this.#server?.close()
    process.exit(exitCodes.ok)
  }
}

function guard(log: WordLog): void {
  // Ctrl-C in a terminal reaches every process of the group; the daemon is to end before its runners.
  process.on('SIGINT', () => {})
  process.on('unhandledRejection', (error) => log.error({ err: error }, 'unhandled rejection in the runner host'))
  // Whoever has started it, and read this, may be gone.
  process.stdout.on('error', () => {})
  process.stderr.on('error', () => {})
}

// eslint-disable-next-line node/no-process-env -- the composition root
main(process.env).catch((error: unknown) => {
  process.stderr.write(`The runner host could not start: ${messageOf(error)}\n`)
  process.exit(exitCodes.internal)
})
