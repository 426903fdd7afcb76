import { cpSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Ksi } from '../ksi.ts'
import { childrenOf, signal } from '../processes.ts'
import type { Project } from '../project.ts'

/** A machine with a ksi on it, whose power can be cut. What runs on it ends with it. */
export class Machine implements AsyncDisposable {
  readonly #project: Project
  readonly #env: NodeJS.ProcessEnv
  readonly #disk: string
  #starts = 0
  #ksi: Ksi | undefined

  constructor(project: Project, env: NodeJS.ProcessEnv = {}) {
    this.#project = project
    this.#env = env
    this.#disk = project.path('disk')
    mkdirSync(this.#disk)
  }

  /** Starts ksi on it. */
  async start(): Promise<Ksi> {
    this.#ksi = await Ksi.start(this.#project, {
      ...this.#env,
      NODE_OPTIONS: `--import ${import.meta.dirname}/disk-shim.ts`,
      KSI_TEST_DISK: this.#disk,
      KSI_TEST_BOOT: `boot ${++this.#starts}`,
    })
    return this.#ksi
  }

  /** All processes end at once, and of the files there is what was synced. */
  async cut(ksi: Ksi): Promise<void> {
    const pid = ksi.process.pid ?? 0
    for (const one of [pid, ...childrenOf(pid).map((child) => child.pid)]) signal(one, 'SIGKILL')
    await ksi.exited
    // The kernel is a moment behind.
    await delay(50)
    const path = (file: string): string => this.#project.path(file)
    for (const lost of ['var/db', 'var/run', 'var/logs/responses'])
      rmSync(path(lost), { recursive: true, force: true, maxRetries: 5, retryDelay: 50 })
    for (const kept of ['var/db', 'var/run', 'var/logs/responses'])
      mkdirSync(path(kept), { recursive: true, mode: 0o700 })
    const names = readdirSync(this.#disk).toSorted()
    const newest = names.findLast((name) => name.startsWith('journal-'))
    if (newest !== undefined) cpSync(join(this.#disk, newest), path('var/db'), { recursive: true })
    for (const name of names.filter((one) => one.endsWith('.jsonl')))
      cpSync(join(this.#disk, name), join(path('var/logs/responses'), name))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#ksi?.[Symbol.asyncDispose]()
  }
}
