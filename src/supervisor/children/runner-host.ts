import type { BootFailure } from '../../contracts/control.ts'
import { hostProtocol, runnerProtocol, whoIsTooOld } from '../../contracts/protocol.ts'
import type { Protocol } from '../../contracts/protocol.ts'
import { fromRunnerHost, hello } from '../../contracts/runner-host.ts'
import type { FromRunnerHost, RunnerAddress, RunnerList, ToRunnerHost } from '../../contracts/runner-host.ts'
import type { Settings } from '../../contracts/settings.ts'
import { LineLink } from '../../lib/line-link.ts'
import type { Log } from '../../lib/log.ts'
import { parseObject } from '../../lib/ndjson.ts'
import { HostProcess } from './host-process.ts'

interface RunnerHostOptions {
  settings: Settings
  log: Log
  env: NodeJS.ProcessEnv
  /** whose journal the runs are to belong to */
  owner: string
  onLine: (line: string) => void
  /** A save of the runner's code did not bring a new runner. */
  onFailure: (failure: BootFailure) => void
}

type Said<T extends FromRunnerHost['type']> = Extract<FromRunnerHost, { type: T }>

/** So often, in its limit of silence, the host is asked whether it is there. */
const hellos = 5
const nothing: RunnerList = { runners: [], drained: [], problem: null, failure: null, draining: false, outdated: [] }

/** The runner host, reached by its socket alone, whether it is our child, one that was left for us, or a container. */
export class RunnerHost {
  readonly #o: RunnerHostOptions
  readonly #process: HostProcess
  readonly #env: Record<string, string>
  readonly #ready = Promise.withResolvers<void>()
  /** Reloads that were not answered: asked for again from a host that is new. */
  readonly #reloads = new Map<number, { files: string[]; at: number }>()
  #link: LineLink | undefined
  #lastReload = 0
  #list = nothing
  #since: number | null = null
  #down: string | null = null
  /** Why nothing can be said to it. */
  #strange: string | null = null
  /** Hellos in a row that were not answered. */
  #unanswered = 0
  #asking: NodeJS.Timeout | undefined

  constructor(options: RunnerHostOptions) {
    const { settings, log, onLine, owner } = options
    this.#o = options
    this.#env = textsOf({ ...options.env, KSI_ROOT: settings.paths.root, KSI_RUNNER_OWNER: owner })
    this.#process = new HostProcess({
      settings,
      env: this.#env,
      onLine,
      onEnd: (how) => {
        this.#isDown(`The runner host went down (${how}), so requests wait.`)
        log.error(`the runner host went down (${how}) and its runners with it; what ran is lost`)
      },
    })
  }

  /** Finds or starts it; resolves when a runner takes work, or when it is known why none does. */
  start(): Promise<void> {
    const { settings } = this.#o
    this.#link = new LineLink({
      path: settings.paths.runnerHost,
      onOpen: () => this.#opened(),
      onLine: (line) => this.#heard(line),
      onClosed: () => this.#closed(),
    })
    this.#asking = setInterval(() => this.#hello(), settings.KSI_HEARTBEAT_MS / hellos)
    return this.#ready.promise
  }

  get runners(): RunnerAddress[] {
    return this.#down === null ? this.#list.runners : []
  }

  /** Why no runner takes work, or why the newest code of the runner is not in use; null when all is well. */
  get problem(): string | null {
    const { problem, failure, draining } = this.#list
    if (this.#down !== null || this.#strange !== null) return this.#down ?? this.#strange
    // Not killed for it: that would take along what runs, and goes on without it.
    if (this.#unanswered > hellos)
      return 'The runner host gives no sign of life: what runs goes on, but no runner is started.'
    if (draining) return 'The runner host is ending: what runs goes on, and new requests wait for the next host.'
    if (failure === null) return problem
    const what = failure.files.length > 0 ? `change of ${failure.files.join(', ')}` : 'change of the settings'
    return `The ${what} did not bring a new runner, the old one works on: ${failure.error.message}`
  }

  get failure(): BootFailure | null {
    return this.#list.failure
  }

  /** How it stands, for a status. */
  get state(): { state: 'up' | 'draining' | 'down'; elsewhere: boolean; since: number | null } {
    const state = this.#down !== null || this.#since === null ? 'down' : this.#list.draining ? 'draining' : 'up'
    return { state, elsewhere: this.#o.settings.KSI_RUNNER === 'elsewhere', since: this.#since }
  }

  /** Whether the one that is there was left by a supervisor before this one. */
  get wasFound(): boolean {
    return this.#process.wasFound
  }

  /** Its own files that are not what it was started from. */
  get outdated(): readonly string[] {
    return this.#list.outdated
  }

  /** These files of the runner were saved at `at` (epoch ms): a runner with the new code takes the new work. */
  reload(files: string[], at: number): void {
    const id = ++this.#lastReload
    this.#reloads.set(id, { files, at })
    this.#say({ type: 'reload', id, files, at })
  }

  /** Leaves it alone: with what runs, for the next supervisor. */
  letGo(): void {
    clearInterval(this.#asking)
    this.#process.letGo()
    this.#link?.close()
  }

  /** Ends it, and the runners with it, unless it has a container of its own. */
  async stop(): Promise<void> {
    clearInterval(this.#asking)
    const isThere = (): boolean => this.#link?.isOpen === true
    const ask = (): boolean => {
      const there = isThere()
      this.#say({ type: 'end' })
      return there
    }
    await this.#process.stop(ask, isThere)
    this.#link?.close()
  }

  #say(line: ToRunnerHost): void {
    this.#link?.send(line)
  }

  #hello(): void {
    this.#unanswered += 1
    this.#say(hello)
  }

  #opened(): void {
    this.#hello()
  }

  #closed(): void {
    const elsewhere = this.#o.settings.KSI_RUNNER === 'elsewhere'
    if (this.#down === null && (elsewhere || this.#since !== null))
      this.#isDown(
        elsewhere
          ? 'The runner host does not answer, so requests wait: `docker compose up -d runner` starts it.'
          : 'The runner host went away, so requests wait.',
      )
    this.#since = null
    this.#process.missing()
  }

  #isDown(why: string): void {
    this.#down = why
    this.#ready.resolve()
  }

  #heard(text: string): void {
    const { log, onLine } = this.#o
    const { data, error } = fromRunnerHost.safeParse(parseObject(text))
    if (data === undefined) return log.warn({ err: error }, 'the runner host says something that is not understood')
    this.#unanswered = 0
    switch (data.type) {
      case 'welcome':
        return this.#welcomed(data)
      case 'runners':
        return this.#listed(data)
      case 'reloaded':
        return void this.#reloads.delete(data.id)
      case 'printed':
        for (const line of data.lines) onLine(line)
    }
  }

  /** It answers, for the first time or again. */
  #welcomed(welcome: Said<'welcome'>): void {
    const { log, owner, settings } = this.#o
    if (this.#since !== null) return
    this.#since = Date.now()
    this.#process.found(welcome.pid)
    this.#strange = reasonNotToTalk('runner host', hostProtocol, welcome)
    if (this.#strange !== null) {
      log.error(welcome, this.#strange)
      return this.#ready.resolve()
    }
    const elsewhere = settings.KSI_RUNNER === 'elsewhere'
    if (!elsewhere && welcome.owner !== owner) {
      log.warn('a runner host was left that belongs to another journal: it is ended')
      return this.#say({ type: 'end' })
    }
    this.#say({ type: 'watch' })
    // A container of its own has an environment of its own.
    this.#say({ type: 'keep', ...(elsewhere ? {} : { env: this.#env }) })
    for (const [id, { files, at }] of this.#reloads) this.#say({ type: 'reload', id, files, at })
  }

  #listed(list: Said<'runners'>): void {
    const before = this.#list.failure
    this.#down = null
    this.#list = list
    const strangers = list.runners.map((runner) => reasonNotToTalk('runner', runnerProtocol, runner))
    this.#strange = strangers.find((reason) => reason !== null) ?? null
    if (list.problem !== null || list.runners.some(({ accepting }) => accepting)) this.#ready.resolve()
    if (list.failure !== null && list.failure.boot_id !== before?.boot_id) this.#o.onFailure(list.failure)
  }
}

function reasonNotToTalk(who: string, ours: Protocol, theirs: Protocol): string | null {
  const old = whoIsTooOld(ours, theirs)
  if (old === null) return null
  const [what, command] = old === 'ours' ? ['the daemon', 'daemon'] : ['the runner', 'runner']
  return (
    `The ${who} speaks version ${theirs.protocol} and the daemon version ${ours.protocol}, so requests wait: ` +
    `update ${what} (\`docker compose up -d --build ${command}\`; without Docker \`ksi stop\` and \`ksi start\`).`
  )
}

function textsOf(env: NodeJS.ProcessEnv): Record<string, string> {
  const texts: Record<string, string> = {}
  for (const [name, value] of Object.entries(env)) if (value !== undefined) texts[name] = value
  return texts
}
