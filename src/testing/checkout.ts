import { execFile, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const home = resolve(import.meta.dirname, '../..')

/** What a person has installed: one Node, and one npm. */
export interface Tools {
  node: string
  /** npm's own program, for Node */
  npm: string
}

export interface CommandResult {
  code: number
  output: string
}

/** A fresh clone of this checkout's last commit, on a machine where nothing but one Node and one npm is installed. */
export class Checkout {
  readonly root: string
  readonly #tools: Tools
  readonly #env: NodeJS.ProcessEnv

  private constructor(root: string, tools: Tools, env: NodeJS.ProcessEnv) {
    this.root = root
    this.#tools = tools
    this.#env = {
      ...withoutOurs(process.env),
      PATH: [dirname(tools.node), plainPath()].join(delimiter),
      ...env,
    }
  }

  static async clone(tools: Tools, env: NodeJS.ProcessEnv = {}): Promise<Checkout> {
    const root = mkdtempSync(join(tmpdir(), 'ksi-clone-'))
    await run('git', ['clone', '--quiet', home, root])
    return new Checkout(root, tools, env)
  }

  /** Runs `npm …` to its end. */
  async npm(...args: string[]): Promise<CommandResult> {
    const child = this.startNpm(...args)
    let output = ''
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => (output += text))
    await once(child, 'close')
    return { code: child.exitCode ?? -1, output }
  }

  /** Starts `npm …`. */
  startNpm(...args: string[]): ChildProcess {
    const { node, npm } = this.#tools
    return spawn(node, [npm, ...args], { cwd: this.root, env: this.#env, stdio: ['ignore', 'pipe', 'pipe'] })
  }

  /** What git says has changed. */
  async changes(): Promise<string> {
    return (await run('git', ['status', '--porcelain'], { cwd: this.root })).stdout
  }

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
  }
}

/** The environment without what npm and the test runner have put into it for themselves. */
function withoutOurs(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const isOurs = (name: string): boolean => /^(npm_|KSI_|NODE_OPTIONS$|NODE_TEST_CONTEXT$|INIT_CWD$)/.test(name)
  return Object.fromEntries(Object.entries(env).filter(([name]) => !isOurs(name)))
}

/** The PATH without what npm or this checkout put on it. */
function plainPath(): string {
  const folders = (process.env.PATH ?? '').split(delimiter)
  return folders.filter((folder) => !/node_modules|node-gyp-bin/.test(folder)).join(delimiter)
}

/** Installs versions of Node and npm side by side, from the registry. */
export class Toolbox {
  readonly #root = mkdtempSync(join(tmpdir(), 'ksi-tools-'))

  /** @param version what the machine has when undefined */
  async node(version?: string): Promise<string> {
    if (version === undefined)
      return (await run('sh', ['-c', 'command -v node'], { env: { PATH: plainPath() } })).stdout.trim()
    const folder = process.platform === 'darwin' && process.arch === 'arm64' ? 'node-bin' : 'node'
    const name = `${folder}-${process.platform}-${process.arch}`
    return join(await this.#install(name, version), 'bin/node')
  }

  async npm(version: string): Promise<string> {
    return join(await this.#install('npm', version), 'bin/npm-cli.js')
  }

  async #install(name: string, version: string): Promise<string> {
    const folder = join(this.#root, `${name}-${version}`)
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'package.json'), '{}')
    await run('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error', `${name}@${version}`], {
      cwd: folder,
      env: { ...process.env, PATH: plainPath() },
    })
    return join(folder, 'node_modules', name)
  }

  [Symbol.dispose](): void {
    rmSync(this.#root, { recursive: true, force: true })
  }
}
