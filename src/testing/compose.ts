import { execFile, execFileSync, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { chmodSync, cpSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { SupervisorStatus } from '../contracts/control.ts'
import type { StatusDocument } from '../contracts/status.ts'
import { parseObject } from '../lib/ndjson.ts'
import { freePort } from './free-port.ts'
import { makeProject } from './project.ts'
import type { Project } from './project.ts'
import { WireClient } from './wire-client.ts'

const run = promisify(execFile)
const home = resolve(import.meta.dirname, '../..')

/** Why there is no engine to test with; undefined when there is one. */
function noEngine(): string | undefined {
  try {
    execFileSync('docker', ['version', '--format', '{{.Server.Version}}'], { stdio: 'pipe', timeout: 20_000 })
    execFileSync('docker', ['compose', 'version'], { stdio: 'pipe', timeout: 20_000 })
    return undefined
  } catch (error) {
    return (
      `no Docker Engine with Compose answers: ` +
      (error instanceof Error ? error.message.split('\n').slice(0, 2).join(' ') : String(error))
    )
  }
}

/** With CI=true a missing engine is a failure; elsewhere a skip that says why. */
export function skipWithoutEngine(): false | string {
  const reason = noEngine()
  if (reason === undefined) return false
  if (process.env.CI === 'true') throw new Error(`CI=true, but ${reason}`)
  return reason
}

/** The real stack, of a copy of this checkout, under a project name and on ports of its own. */
export class Stack {
  readonly project: Project
  readonly #env: NodeJS.ProcessEnv
  #token: string | undefined
  readonly port: number
  readonly sidecarPort: number

  private constructor(project: Project, port: number, sidecarPort: number, env: NodeJS.ProcessEnv) {
    this.project = project
    this.port = port
    this.sidecarPort = sidecarPort
    this.#env = {
      ...process.env,
      COMPOSE_PROJECT_NAME: basename(project.root)
        .toLowerCase()
        .replaceAll(/[^a-z0-9-]/g, ''),
      KSI_PORT: String(port),
      KSI_SIDECAR_PORT: String(sidecarPort),
      KSI_LOG_FORMAT: 'json',
      KSI_LOG_LEVEL: 'debug',
      KSI_DRAIN_MS: '10000',
      ...env,
    }
  }

  /** What Compose calls it. */
  get name(): string {
    return this.#env['COMPOSE_PROJECT_NAME'] ?? ''
  }

  /**
   * Builds and starts it, and waits until it is healthy.
   * @param prepare changes the copy before
   * @param folder how the copy's name begins
   * @throws Error with what the daemon has written, when it does not come up; nothing of it is left then
   */
  static async up(
    env: NodeJS.ProcessEnv = {},
    prepare: (project: Project) => void = () => {},
    folder?: string,
  ): Promise<Stack> {
    const stack = await Stack.#make(env, prepare, folder)
    try {
      await stack.compose('up', '--build', '--detach', '--wait', '--wait-timeout', '120')
      await stack.untilLive()
      return stack
    } catch (error) {
      const log = await stack.compose('logs', '--no-log-prefix', '--no-color', 'daemon').catch(String)
      await stack[Symbol.asyncDispose]()
      throw new Error(`the stack did not come up:\n${log.slice(-8_000)}`, { cause: error })
    }
  }

  /** A copy of this checkout, with nothing started. */
  static async #make(
    env: NodeJS.ProcessEnv,
    prepare: (project: Project) => void,
    folder: string | undefined,
  ): Promise<Stack> {
    const project = makeProject(folder === undefined ? {} : { folder })
    // The container's user is another than the one that made this folder.
    chmodSync(project.root, 0o755)
    for (const file of [
      'Dockerfile.dev',
      'compose.yaml',
      '.dockerignore',
      '.npmrc',
      'package-lock.json',
      'tsconfig.json',
    ])
      cpSync(join(home, file), project.path(file))
    prepare(project)
    return new Stack(project, await freePort(), await freePort(), env)
  }

  /** Runs `docker compose …` and gives what it printed. @throws Error with its output when it fails */
  async compose(...args: string[]): Promise<string> {
    const { stdout, stderr } = await run('docker', ['compose', '--ansi', 'never', '--progress', 'plain', ...args], {
      cwd: this.project.root,
      env: this.#env,
      maxBuffer: 256 * 1024 * 1024,
    })
    return stdout + stderr
  }

  /** What Compose makes of its file with these variables, as JSON. */
  async config(env: NodeJS.ProcessEnv): Promise<string> {
    const options = { cwd: this.project.root, env: { ...this.#env, ...env } }
    return (await run('docker', ['compose', 'config', '--format', 'json'], options)).stdout
  }

  /** Starts `docker compose …` and leaves it running; the caller ends it. */
  start(...args: string[]): ChildProcess {
    return spawn('docker', ['compose', '--ansi', 'never', '--progress', 'plain', ...args], {
      cwd: this.project.root,
      env: this.#env,
      stdio: 'ignore',
    })
  }

  /** Runs `docker …` on a service's container. */
  async docker(service: string, command: string, ...args: string[]): Promise<string> {
    const id = (await this.compose('ps', '--all', '--quiet', service)).trim()
    return (await run('docker', [command, ...args, id], { maxBuffer: 256 * 1024 * 1024 })).stdout
  }

  async client(): Promise<WireClient> {
    return WireClient.connect(this.port, await this.#tokenOnTcp())
  }

  /** With KSI_TOKEN=auto the one that was made; else TCP is open. */
  async #tokenOnTcp(): Promise<string | undefined> {
    if (this.#env['KSI_TOKEN'] !== 'auto') return undefined
    this.#token ??= (await this.compose('exec', '--no-TTY', 'daemon', 'ksi', 'token')).trim()
    return this.#token
  }

  async status(): Promise<SupervisorStatus> {
    using client = await this.client()
    return (await client.request('supervisor:status')) as unknown as SupervisorStatus
  }

  /** The sidecar's document. */
  async document(): Promise<StatusDocument> {
    const response = await fetch(`http://127.0.0.1:${this.sidecarPort}/status`)
    return (await response.json()) as StatusDocument
  }

  async untilStatus(test: (status: SupervisorStatus) => boolean, limitMs = 30_000): Promise<SupervisorStatus> {
    return poll(() => this.status(), test, limitMs)
  }

  async untilDocument(test: (document: StatusDocument) => boolean, limitMs = 30_000): Promise<StatusDocument> {
    return poll(() => this.document(), test, limitMs)
  }

  untilLive(): Promise<SupervisorStatus> {
    return this.untilStatus((status) => status.phase === 'live' && status.runners.some((runner) => runner.accepting))
  }

  /** How often each request was run, by what the runners of all its containers so far wrote. */
  async runsByRequest(): Promise<Map<string, number>> {
    const runs = new Map<string, number>()
    for (const line of (await this.compose('logs', '--no-log-prefix', '--no-color', 'runner')).split('\n')) {
      const { msg, request_id } = parseObject(line) ?? {}
      if (msg === 'run ended') runs.set(String(request_id), (runs.get(String(request_id)) ?? 0) + 1)
    }
    return runs
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Killed: what still runs there is not waited for.
    await this.compose('kill', 'runner').catch(() => {})
    await this.compose('down', '--volumes', '--timeout', '2', '--rmi', 'local').catch((error: unknown) =>
      process.stderr.write(`compose down failed: ${String(error)}\n`),
    )
    // What a rebuild has left without a name; by label, as others' images are none of ours.
    const mine = `label=com.docker.compose.project=${this.#env['COMPOSE_PROJECT_NAME']}`
    await run('docker', ['image', 'prune', '--force', '--filter', mine]).catch(() => {})
    this.project[Symbol.dispose]()
  }
}

async function poll<T>(read: () => Promise<T>, test: (value: T) => boolean, limitMs: number): Promise<T> {
  const limit = Date.now() + limitMs
  let last: unknown
  while (Date.now() < limit) {
    try {
      const value = await read()
      last = value
      if (test(value)) return value
    } catch (error) {
      last = error
    }
    await delay(20)
  }
  throw new Error(
    `did not come to pass within ${limitMs} ms; the last was ` +
      (last instanceof Error ? last.message : JSON.stringify(last)),
  )
}
