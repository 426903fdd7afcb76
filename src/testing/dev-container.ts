import { execFile, execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { parseObject } from '../lib/ndjson.ts'
import type { CommandResult } from './checkout.ts'
import { freePort } from './free-port.ts'

const home = resolve(import.meta.dirname, '../..')
const cli = join(home, '.ci/devcontainer/node_modules/@devcontainers/cli/devcontainer.js')
const most = 64 * 1024 * 1024

/** With CI=true a missing CLI is a failure; elsewhere a skip that says why. */
export function skipWithoutCli(): false | string {
  if (existsSync(cli)) return false
  const reason = 'the Dev Containers CLI is not installed: npm ci --prefix .ci/devcontainer'
  if (process.env.CI === 'true') throw new Error(`CI=true, but ${reason}`)
  return reason
}

/** The dev container of a copy of this checkout, as an editor opens it. */
export class DevContainer {
  readonly root: string
  readonly #env: NodeJS.ProcessEnv
  /** What Compose calls it. */
  project = ''

  private constructor(root: string, env: NodeJS.ProcessEnv) {
    this.root = root
    this.#env = env
  }

  /** Makes the copy and opens it. @throws Error with what the CLI printed */
  static async open(env: NodeJS.ProcessEnv = {}): Promise<DevContainer> {
    const root = copyCheckout()
    const ports = { KSI_PORT: String(await freePort()), KSI_SIDECAR_PORT: String(await freePort()) }
    const opened = new DevContainer(root, { ...process.env, ...ports, KSI_DRAIN_MS: '1000', ...env })
    const up = await opened.#cli('up', '--workspace-folder', root)
    const { outcome, composeProjectName: project } = parseObject(up.output.trimEnd().split('\n').at(-1) ?? '') ?? {}
    if (typeof project === 'string') opened.project = project
    if (outcome === 'success') return opened
    await opened[Symbol.asyncDispose]()
    throw new Error(`the dev container did not open: ${up.output.slice(-8_000)}`)
  }

  path(file: string): string {
    return join(this.root, file)
  }

  /** Runs a command line in it. */
  exec(command: string): Promise<CommandResult> {
    return this.#cli('exec', '--workspace-folder', this.root, 'bash', '-lc', command)
  }

  /** Runs a command line in its folder on this machine. */
  onHost(command: string): Promise<CommandResult> {
    return finish(execFile('sh', ['-c', command], { cwd: this.root, env: this.#env, maxBuffer: most }))
  }

  #cli(...args: string[]): Promise<CommandResult> {
    return finish(execFile(process.execPath, [cli, ...args], { env: this.#env, maxBuffer: most }))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const files = '-f compose.yaml -f .devcontainer/compose.workspace.yaml'
    if (this.project !== '')
      await this.onHost(`docker compose -p ${this.project} ${files} down --volumes --timeout 2 --rmi local`)
    rmSync(this.root, { recursive: true, force: true })
  }
}

/** All that git knows of, as it is now. */
function copyCheckout(): string {
  const root = mkdtempSync(join(tmpdir(), 'ksi-dev-'))
  const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: home })
  for (const file of listed
    .toString()
    .split('\0')
    .filter((name) => name !== '' && existsSync(join(home, name)))) {
    mkdirSync(dirname(join(root, file)), { recursive: true })
    cpSync(join(home, file), join(root, file))
  }
  // As if it were that of the container's user: an editor gives that one the id of whoever starts it, but not root's.
  if (process.getuid?.() === 0) execFileSync('chown', ['-R', '1000:1000', root])
  execFileSync('chmod', ['755', root])
  return root
}

function finish(child: ReturnType<typeof execFile>): Promise<CommandResult> {
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (text: string) => (output += text))
  return new Promise((done) => {
    child.once('error', (error) => done({ code: -1, output: error.message }))
    child.once('close', (code) => done({ code: code ?? -1, output }))
  })
}
