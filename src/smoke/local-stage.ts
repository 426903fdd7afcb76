import { cpSync, existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { socketPathUnder } from '../client/address.ts'
import { sleep } from '../lib/backoff.ts'
import { frugalMemory } from '../lib/frugal-memory.ts'
import { exitCodes } from '../lib/errors.ts'
import { freePort } from '../lib/free-port.ts'
import { noteDown, savePage } from './evidence.ts'
import { ownEnv } from './own-env.ts'
import { dial, PlainClient } from './plain-client.ts'
import { killAll, processesUnder } from './processes.ts'
import type { Stage } from './stage.ts'
import { startSupervisor } from './supervisor.ts'
import type { StartedSupervisor } from './supervisor.ts'

interface Options {
  /** the copy */
  root: string
  env: NodeJS.ProcessEnv
}

/** Longer than the supervisor's own limit of 8 s. */
const stopMs = 15_000
/** For what ends with the supervisor, or soon after. */
const goneMs = 5_000
/** How long the runner host waits for what runs when it is stopped, in ms: shorter than what runs. */
const drainMs = 300
/** Longer than it takes to start another supervisor. */
const lingerMs = 15_000

/** ksi of a copy of the source, on this machine, without Docker. */
export class LocalStage implements Stage {
  readonly kind = 'local'
  readonly root: string
  readonly #o: Options
  readonly #sidecarPort: number
  readonly #supervisors: StartedSupervisor[] = []

  private constructor(options: Options, sidecarPort: number) {
    this.#o = options
    this.root = options.root
    this.#sidecarPort = sidecarPort
  }

  static async create(options: Options): Promise<LocalStage> {
    return new LocalStage(options, await freePort())
  }

  async connect(): Promise<PlainClient> {
    return new PlainClient(await dial(socketPathUnder(this.root)))
  }

  runnerLog(): Promise<Record<string, unknown>[]> {
    return Promise.resolve(this.#supervisors.flatMap(({ log }) => log))
  }

  killGeneration(pid: number): Promise<void> {
    killAll([pid])
    return Promise.resolve()
  }

  killRunner(pid: number): Promise<void> {
    killAll([pid])
    return Promise.resolve()
  }

  async killDaemon(): Promise<void> {
    const supervisor = this.#supervisors.at(-1)
    supervisor?.process.kill('SIGKILL')
    await supervisor?.exited
  }

  async stop(): Promise<string[]> {
    const supervisor = this.#supervisors.at(-1)
    supervisor?.process.kill('SIGTERM')
    const how = await this.#endOf(supervisor)
    return how === 0 ? [] : [`SIGTERM: ksi ended with ${String(how)}`]
  }

  start(): Promise<void> {
    this.#supervisors.push(this.#launch())
    return Promise.resolve()
  }

  async recreate(): Promise<void> {
    const client = await this.connect()
    await client.request('system:shutdown', { restart: true })
    const how = await this.#endOf(this.#supervisors.at(-1))
    client.close()
    if (how !== 0) throw new Error(`ksi ended with ${String(how)} when it was to be restarted`)
    await this.start()
  }

  async startAgain(): Promise<string[]> {
    const second = this.#launch()
    const how = await this.#endOf(second)
    // Refused: what runs is not touched by it.
    return how === exitCodes.tryAgain ? [] : [`a second ksi of the same folder ended with ${String(how)}`]
  }

  async down(): Promise<string[]> {
    const faults = await this.stop()
    for (const until = performance.now() + goneMs; performance.now() < until; await sleep(50))
      if (processesUnder(this.root).length === 0) return faults
    return [...faults, `${processesUnder(this.root).length} processes are still there after the stop`]
  }

  async keepEvidence(folder: string): Promise<void> {
    await noteDown(folder, 'status.json', () => savePage(this.#sidecarPort))
    for (const [n, { raw }] of this.#supervisors.entries())
      writeFileSync(join(folder, `ksi-${n + 1}.log`), raw.join('\n'))
    // As it lies there: nobody writes any more.
    await this.#killAll()
    const journal = join(this.root, 'var/db')
    if (existsSync(journal)) cpSync(journal, join(folder, 'journal'), { recursive: true })
  }

  async end(): Promise<string[]> {
    const supervisor = this.#supervisors.at(-1)
    if (supervisor?.process.exitCode === null && supervisor.process.signalCode === null) {
      supervisor.process.kill('SIGTERM')
      await this.#endOf(supervisor)
    }
    const left = await this.#killAll()
    return left.map((pid) => `process ${pid}`)
  }

  /** Kills what is there of it, also what was left by those that were killed. @returns what cannot be killed */
  async #killAll(): Promise<number[]> {
    let left = processesUnder(this.root)
    for (const until = performance.now() + goneMs; left.length > 0 && performance.now() < until; await sleep(20)) {
      killAll(left)
      left = processesUnder(this.root)
    }
    return left
  }

  #launch(): StartedSupervisor {
    return startSupervisor({
      command: process.execPath,
      args: [join(this.root, 'src/supervisor/main.ts')],
      cwd: this.root,
      detached: true,
      env: {
        ...frugalMemory,
        ...ownEnv(this.#o.env),
        KSI_ROOT: this.root,
        KSI_MODE: 'dev',
        KSI_PORT: '0',
        KSI_SIDECAR_PORT: String(this.#sidecarPort),
        KSI_LOG_FORMAT: 'json',
        KSI_LOG_LEVEL: 'debug',
        KSI_DRAIN_MS: String(drainMs),
        KSI_RUNNER_LINGER_MS: String(lingerMs),
      },
    })
  }

  /** How it ended; killed where it does not end by itself. */
  async #endOf(supervisor: StartedSupervisor | undefined): Promise<number | string | null> {
    const timer = setTimeout(() => supervisor?.process.kill('SIGKILL'), stopMs)
    try {
      return (await supervisor?.exited) ?? null
    } finally {
      clearTimeout(timer)
    }
  }
}
