import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../lib/free-port.ts'
import { KsiError, messageOf } from '../lib/errors.ts'
import { isObject, parseObject } from '../lib/ndjson.ts'
import { noteDown, savePage } from './evidence.ts'
import { ownEnv } from './own-env.ts'
import { dial, PlainClient } from './plain-client.ts'
import { partsOf, removeProject } from './docker.ts'
import { runProgram } from './run-program.ts'
import type { Stage } from './stage.ts'

interface Options {
  /** the copy */
  root: string
  project: string
  env: NodeJS.ProcessEnv
  /** ends what is being done; what is done to clear up goes on */
  signal: AbortSignal
}

const buildMs = 600_000
const commandMs = 120_000
const portTries = 3
/** How long the runner host waits for what runs when it is stopped, in ms: shorter than what runs. */
const drainMs = 1_000

/** The real stack, of a copy of the source, under a project name and on ports of its own. */
export class ComposeStage implements Stage {
  readonly kind = 'compose'
  readonly root: string
  readonly #o: Options
  readonly #logs = new Map<string, string>()
  #port = 0
  #sidecarPort = 0

  constructor(options: Options) {
    this.#o = options
    this.root = options.root
  }

  async connect(): Promise<PlainClient> {
    return new PlainClient(await dial(this.#port))
  }

  async runnerLog(): Promise<Record<string, unknown>[]> {
    const { signal } = this.#o
    for (const id of (await this.#compose(['ps', '--all', '--quiet', '--no-trunc', 'runner'])).split('\n'))
      if (id !== '') this.#logs.set(id, await runProgram('docker', ['logs', id], { timeoutMs: commandMs, signal }))
    return [...this.#logs.values()].flatMap((text) =>
      text
        .split('\n')
        .map(parseObject)
        .filter((entry) => entry !== undefined),
    )
  }

  killGeneration(pid: number): Promise<void> {
    return this.#killIn('daemon', pid)
  }

  killRunner(pid: number): Promise<void> {
    return this.#killIn('runner', pid)
  }

  async killDaemon(): Promise<void> {
    await this.#compose(['kill', '--signal', 'KILL', 'daemon'])
  }

  async stop(): Promise<string[]> {
    await this.#compose(['stop'])
    return []
  }

  async start(): Promise<void> {
    if (this.#port === 0) return this.#build()
    await this.#compose(['up', '--detach'])
  }

  async recreate(): Promise<void> {
    await this.#compose(['up', '--detach', '--force-recreate', 'daemon'])
  }

  async startAgain(): Promise<string[]> {
    const before = await this.#births()
    await this.start()
    const after = await this.#births()
    return before === after ? [] : [`a second \`up -d\` replaced containers: ${before} became ${after}`]
  }

  async down(): Promise<string[]> {
    await this.runnerLog()
    await this.#compose(['down'])
    const left = await partsOf(this.#o.project, 'containers')
    return left.map(({ what, ids }) => `${ids.length} ${what} are still there after \`down\``)
  }

  async keepEvidence(folder: string): Promise<void> {
    await noteDown(folder, 'status.json', () => savePage(this.#sidecarPort))
    await noteDown(folder, 'containers.txt', () => this.#compose(['ps', '--all'], commandMs, null))
    await noteDown(folder, 'containers.log', () =>
      this.#compose(['logs', '--no-color', '--timestamps'], commandMs, null),
    )
    for (const [id, text] of this.#logs) writeFileSync(join(folder, `runner-${id.slice(0, 12)}.log`), text)
    // As it lies there: nobody writes any more.
    await noteDown(folder, 'kill.txt', () => this.#compose(['kill'], commandMs, null))
    await noteDown(folder, 'journal.txt', async () => {
      const [daemon = ''] = (await this.#compose(['ps', '--all', '--quiet', 'daemon'], commandMs, null)).split('\n')
      return runProgram('docker', ['cp', `${daemon}:/app/var/db`, join(folder, 'journal')], { timeoutMs: commandMs })
    })
  }

  end(): Promise<string[]> {
    return removeProject(this.#o.project)
  }

  /** Builds and starts it. A port that somebody has taken meanwhile is changed for another. */
  async #build(): Promise<void> {
    await this.#refuseWhatIsShared()
    for (let tries = 1; ; tries++) {
      this.#port = await freePort()
      this.#sidecarPort = await freePort()
      try {
        await this.#compose(['up', '--build', '--detach'], buildMs)
        return
      } catch (error) {
        const taken = /port is already allocated|address already in use|ports are not available/i
        if (tries === portTries || !taken.test(messageOf(error))) throw error
      }
    }
  }

  /** @param signal null where it is to be done even so */
  #compose(args: readonly string[], timeoutMs = commandMs, signal: AbortSignal | null = this.#o.signal) {
    const { root, project, env } = this.#o
    const always = ['compose', '--ansi', 'never', '--progress', 'plain', '--file', 'compose.yaml']
    return runProgram('docker', [...always, '--project-name', project, ...args], {
      cwd: root,
      timeoutMs,
      signal: signal ?? undefined,
      env: {
        ...ownEnv(env),
        COMPOSE_PROJECT_NAME: project,
        KSI_PORT: String(this.#port),
        KSI_SIDECAR_PORT: String(this.#sidecarPort),
        KSI_LOG_FORMAT: 'json',
        KSI_LOG_LEVEL: 'debug',
        KSI_DRAIN_MS: String(drainMs),
      },
    })
  }

  async #killIn(service: string, pid: number): Promise<void> {
    await this.#compose(['exec', '--no-TTY', service, 'node', '-e', `process.kill(${pid}, 'SIGKILL')`])
  }

  /** Which containers there are, and since when. */
  async #births(): Promise<string> {
    const { project, signal } = this.#o
    const [containers] = await partsOf(project, 'containers')
    const args = [
      'inspect',
      '--format',
      '{{.Name}} {{slice .Id 0 12}} {{.State.StartedAt}}',
      ...(containers?.ids ?? []),
    ]
    const lines = (await runProgram('docker', args, { timeoutMs: commandMs, signal })).trim().split('\n')
    return lines.sort().join(', ')
  }

  /** What is not this project's own would be another stack's too. @throws KsiError KSI_CONFIG_INVALID */
  async #refuseWhatIsShared(): Promise<void> {
    const { services, volumes } = parseObject(await this.#compose(['config', '--format', 'json'])) ?? {}
    const shared = [
      ...Object.entries(isObject(volumes) ? volumes : {}).filter(
        ([, volume]) => isObject(volume) && (volume['external'] === true || !isNamedFor(this.#o.project, volume)),
      ),
      ...Object.entries(isObject(services) ? services : {}).filter(
        ([, service]) => isObject(service) && service['container_name'] !== undefined,
      ),
    ].map(([name]) => name)
    if (shared.length > 0)
      throw new KsiError(
        'KSI_CONFIG_INVALID',
        `compose.yaml gives names of their own to ${shared.join(', ')} (container_name, a volume's name, external): ` +
          'a smoke would work on what your stack uses. Leave those names to Compose, or run `ksi smoke --local`.',
      )
  }
}

function isNamedFor(project: string, { name }: Record<string, unknown>): boolean {
  return typeof name === 'string' && name.startsWith(`${project}_`)
}
