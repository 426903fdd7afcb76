import { join } from 'node:path'
import type { BootFailure } from '../../contracts/control.ts'
import { fromRunnerHost, runnerHostProtocol } from '../../contracts/runner-host.ts'
import type { FromRunnerHost, RunnerAddress, RunnerList, ToRunnerHost } from '../../contracts/runner-host.ts'
import type { Settings } from '../../contracts/settings.ts'
import { describeEnd } from '../../lib/child-end.ts'
import { countCrash, noCrashes } from '../../lib/crash-backoff.ts'
import { KeptChild } from '../../lib/kept-child.ts'
import { LineLink } from '../../lib/line-link.ts'
import type { Log } from '../../lib/log.ts'
import { parseObject } from '../../lib/ndjson.ts'

interface RunnerHostOptions {
  settings: Settings
  log: Log
  env: NodeJS.ProcessEnv
  onLine: (line: string) => void
  /** A save of the runner's code did not bring a new runner. */
  onFailure: (failure: BootFailure) => void
}

/** Above the time the host gives its runners. */
const endMs = 4_000
/** So often, in its limit of silence, the host is asked whether it is there. */
const hellos = 5

/**
 * The runner host: kept running as a child for now, and reached by its socket alone, as it would be from another
 * container.
 */
export class RunnerHost {
  readonly #o: RunnerHostOptions
  readonly #child: KeptChild
  readonly #link: LineLink
  readonly #ready = Promise.withResolvers<void>()
  /** Reloads that were not answered: asked for again from a host that is new. */
  readonly #reloads = new Map<number, { files: string[]; at: number }>()
  #lastReload = 0
  #list: RunnerList = { runners: [], drained: [], problem: null, failure: null }
  #down: string | null = null
  /** What the host speaks; said when it is another version. */
  #protocol = runnerHostProtocol
  /** Hellos in a row that were not answered. */
  #unanswered = 0
  #asking: NodeJS.Timeout | undefined
  #backoff = noCrashes

  constructor(options: RunnerHostOptions) {
    const { settings, env, onLine } = options
    const { paths } = settings
    this.#o = options
    this.#child = new KeptChild({
      path: join(paths.src, 'runner/host.ts'),
      env: {
        ...env,
        KSI_ROOT: paths.root,
        KSI_BOOT_TIMEOUT_MS: String(settings.KSI_BOOT_TIMEOUT_MS),
        KSI_HEARTBEAT_MS: String(settings.KSI_HEARTBEAT_MS),
        KSI_LOG_LEVEL: settings.KSI_LOG_LEVEL,
      },
      onLine,
      onEnd: (end, livedMs) => {
        const { backoff, waitMs } = countCrash(
          this.#backoff,
          { killed: end.killedFromOutside, livedMs },
          performance.now(),
        )
        this.#backoff = backoff
        this.#ready.resolve()
        this.#down = `The runner host went down (${describeEnd(end)}), so requests wait.`
        options.log.error(`the runner host went down (${describeEnd(end)}) and its runners with it; what ran is lost`)
        return waitMs
      },
    })
    this.#link = new LineLink({
      path: paths.runnerHost,
      onOpen: () => this.#opened(),
      onLine: (line) => this.#heard(line),
    })
  }

  /** Starts it; resolves when a runner takes work, or when it is known why none does. */
  start(): Promise<void> {
    this.#child.start()
    this.#asking = setInterval(() => this.#hello(), this.#o.settings.KSI_HEARTBEAT_MS / hellos)
    return this.#ready.promise
  }

  get runners(): RunnerAddress[] {
    return this.#down === null ? this.#list.runners : []
  }

  /** Why no runner takes work, or why the newest code of the runner is not in use; null when all is well. */
  get problem(): string | null {
    const { problem, failure } = this.#list
    if (this.#down !== null) return this.#down
    // Not killed for it: that would take along what runs, and goes on without it.
    if (this.#unanswered > hellos)
      return 'The runner host gives no sign of life: what runs goes on, but no runner is started.'
    if (failure === null) return problem
    return (
      `The change of ${failure.files.join(', ')} did not bring a new runner, the old one works on: ` +
      failure.error.message
    )
  }

  get failure(): BootFailure | null {
    return this.#list.failure
  }

  /** These files of the runner were saved at `at` (epoch ms): a runner with the new code takes the new work. */
  reload(files: string[], at: number): void {
    const id = ++this.#lastReload
    this.#reloads.set(id, { files, at })
    this.#say({ type: 'reload', id, files, at })
  }

  /** Ends it, and the runners with it. */
  async stop(): Promise<void> {
    clearInterval(this.#asking)
    await this.#child.stop(endMs, (child) => {
      if (this.#link.isOpen) this.#say({ type: 'end' })
      else child.signal('SIGTERM')
    })
    this.#link.close()
  }

  #say(line: ToRunnerHost): void {
    this.#link.send(line)
  }

  #hello(): void {
    this.#unanswered += 1
    this.#say({ type: 'hello', protocol: runnerHostProtocol })
  }

  #opened(): void {
    this.#hello()
    this.#say({ type: 'watch' })
    for (const [id, { files, at }] of this.#reloads) this.#say({ type: 'reload', id, files, at })
  }

  #heard(text: string): void {
    const { log } = this.#o
    const { data, error } = fromRunnerHost.safeParse(parseObject(text))
    if (data === undefined) return log.warn({ err: error }, 'the runner host says something that is not understood')
    this.#unanswered = 0
    if (data.type === 'runners') this.#listed(data)
    else if (data.type === 'reloaded') this.#reloads.delete(data.id)
    else if (data.protocol !== this.#protocol) {
      this.#protocol = data.protocol
      log.warn(data, 'the runner host speaks another version: restart ksi if runner host and supervisor were changed')
    }
  }

  #listed(list: Extract<FromRunnerHost, { type: 'runners' }>): void {
    const before = this.#list.failure
    this.#down = null
    this.#list = list
    if (list.problem !== null || list.runners.some(({ accepting }) => accepting)) this.#ready.resolve()
    if (list.failure !== null && list.failure.boot_id !== before?.boot_id) this.#o.onFailure(list.failure)
  }
}
