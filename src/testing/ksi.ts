import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { join } from 'node:path'
import type { SupervisorStatus } from '../contracts/control.ts'
import { frugalMemory } from '../lib/frugal-memory.ts'
import { LineDecoder, parseObject } from '../lib/ndjson.ts'
import type { RunEnd } from '../history/runs.ts'
import { assertJournalSound } from '../store/testing/sound.ts'
import type { Project } from './project.ts'
import { isOurCode } from './contract-check.ts'
import { WireClient } from './wire-client.ts'
import type { Data } from './wire-client.ts'

/** What every ksi here asks for on TCP. */
export const testToken = 'the token of the tests'

/** What starts the supervisor, where that is not Node itself. */
interface Starter {
  command: string
  args: string[]
}

/** A running ksi: the real supervisor with all its processes. */
export class Ksi {
  readonly process: ChildProcess
  readonly socket: string
  readonly log: Data[] = []
  readonly raw: string[] = []
  readonly exited: Promise<number | string | null>
  readonly #journal: string

  readonly #project: Project

  private constructor(project: Project, env: NodeJS.ProcessEnv, by?: Starter) {
    this.#project = project
    this.socket = project.path('var/run/daemon.sock')
    this.#journal = project.path('var/db/dev_checkpoint.db')
    const { command, args } = by ?? { command: process.execPath, args: [join(project.root, 'src/supervisor/main.ts')] }
    this.process = spawn(command, args, {
      cwd: project.root,
      env: {
        ...frugalMemory,
        ...process.env,
        KSI_ROOT: project.root,
        KSI_MODE: 'dev',
        KSI_SIDECAR: 'off',
        KSI_PORT: '0',
        KSI_TOKEN: testToken,
        KSI_LOG_FORMAT: 'json',
        KSI_LOG_LEVEL: 'debug',
        // What a test has killed leaves nothing behind for long.
        KSI_RUNNER_LINGER_MS: '3000',
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const decoder = new LineDecoder(1_048_576, (line) => {
      this.raw.push(line)
      const entry = parseObject(line)
      if (entry !== undefined) this.log.push(entry)
    })
    this.process.stdout?.on('data', (chunk: Buffer) => decoder.push(chunk))
    this.process.stderr?.on('data', (chunk: Buffer) => this.raw.push(chunk.toString()))
    this.exited = once(this.process, 'exit').then(([code, signal]) => (code ?? signal) as number | string | null)
  }

  /** Starts it and waits until it is live. @throws Error with its output when it ends before */
  static async start(project: Project, env: NodeJS.ProcessEnv = {}, by?: Starter): Promise<Ksi> {
    const ksi = new Ksi(project, env, by)
    try {
      await ksi.untilStatus((status) => status.phase === 'live' && status.runners.some((runner) => runner.accepting))
      return ksi
    } catch (error) {
      await ksi.#end()
      throw error
    }
  }

  /** Starts it where it is expected to end by itself. */
  static launch(project: Project, env: NodeJS.ProcessEnv = {}, by?: Starter): Ksi {
    return new Ksi(project, env, by)
  }

  async client(): Promise<WireClient> {
    const client = await WireClient.connect(this.socket)
    client.checked = !this.#project.changesReplies
    return client
  }

  async status(): Promise<SupervisorStatus> {
    using client = await this.client()
    return (await client.request('supervisor:status')) as unknown as SupervisorStatus
  }

  /** The same over a connection that is there already. */
  async statusOver(client: WireClient): Promise<SupervisorStatus> {
    return (await client.request('supervisor:status')) as unknown as SupervisorStatus
  }

  /** Polls the status until `test` says true. */
  async untilStatus(test: (status: SupervisorStatus) => boolean, limitMs = 20_000): Promise<SupervisorStatus> {
    const limit = Date.now() + limitMs
    let last: SupervisorStatus | undefined
    while (Date.now() < limit) {
      if (this.process.exitCode !== null) throw new Error(`ksi ended with ${this.process.exitCode}:\n${this.output()}`)
      try {
        last = await this.status()
        if (test(last)) return last
      } catch {
        // Not listening yet.
      }
      await delay(10)
    }
    throw new Error(
      `the status did not come to pass within ${limitMs} ms; the last was ${JSON.stringify(last)}\n${this.output()}`,
    )
  }

  /** The pid of the live generation; waits for one. */
  async livePid(): Promise<number> {
    for (;;) {
      using client = await this.client()
      const { pid } = await client.request('system:health')
      if (pid !== undefined) return pid as number
      await delay(2)
    }
  }

  /** The pid of the runner that takes new work, by its host's own word; waits for one. */
  async runnerPid(): Promise<number> {
    const { runners } = await this.untilStatus((status) => status.runners.some(({ accepting }) => accepting))
    const { id } = runners.find(({ accepting }) => accepting) ?? {}
    for (;;) {
      const entry = this.log.find(
        ({ name, runner, pid }) => name === 'runner-host' && runner === id && pid !== undefined,
      )
      if (entry !== undefined) return entry.pid as number
      await delay(2)
    }
  }

  /** How often each request was run, by what the runner itself wrote. */
  async runsByRequest(): Promise<Map<string, number>> {
    await this.#untilQuiet()
    return this.runsSoFar()
  }

  /** The same, of what has come by now. */
  runsSoFar(): Map<string, number> {
    const runs = new Map<string, number>()
    for (const { msg, request_id } of this.log)
      if (msg === 'run ended') runs.set(String(request_id), (runs.get(String(request_id)) ?? 0) + 1)
    return runs
  }

  /** What runners print comes by way of their host and of the supervisor: waits until nothing comes any more. */
  async #untilQuiet(): Promise<void> {
    const limit = Date.now() + 5_000
    for (let seen = -1; seen !== this.log.length && Date.now() < limit; await delay(100)) seen = this.log.length
  }

  /** What the runner wrote of each run that ended. */
  async runEnds(): Promise<RunEnd[]> {
    await this.#untilQuiet()
    return this.log.filter(({ msg }) => msg === 'run ended') as unknown as RunEnd[]
  }

  /** The end of what it wrote, without the runner's word on each run. */
  output(): string {
    return this.raw
      .filter((line) => !line.includes('"run ended"'))
      .slice(-60)
      .join('\n')
  }

  /** Asks it to end as `ksi restart` does: the runners stay for the next one. Resolves when it has ended. */
  async restartsSoon(): Promise<number | string | null> {
    using client = await this.client()
    await client.request('system:shutdown', { restart: true })
    return this.exited
  }

  /** SIGTERM, and the exit code. @throws AssertionError when what it leaves in its journal does not agree */
  async stop(): Promise<number | string | null> {
    this.process.kill('SIGTERM')
    const code = await this.exited
    this.#checkJournal()
    return code
  }

  /** Ends it. @throws AssertionError when what it leaves in its journal does not agree */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end()
    this.#checkJournal()
  }

  /** Whatever a scenario did to it, the rows it leaves agree with each other. Where no state is kept there are none. */
  #checkJournal(): void {
    if (!isOurCode()) return
    if (existsSync(this.#journal)) assertJournalSound(this.#journal)
  }

  async #end(): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return
    this.process.kill('SIGTERM')
    const timer = setTimeout(() => this.process.kill('SIGKILL'), 12_000)
    await this.exited
    clearTimeout(timer)
  }
}
