import { existsSync, readdirSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import type { Ksi } from './ksi.ts'
import { signal } from './processes.ts'
import type { Project } from './project.ts'

/** What is done to a ksi at work beside ending its generations: each with its share of the rounds. */
export const mischiefs = {
  'journal removed': 0.02,
  "WAL's index removed": 0.02,
  'locks and sockets of runners removed': 0.02,
  'response files removed': 0.02,
  'supervisor stopped for a moment': 0.01,
  'runner stopped for a moment': 0.01,
  'runner hangs': 0.005,
  'hostile lines': 0.1,
} as const
export type Kind = keyof typeof mischiefs

/** Somebody writes there meanwhile. */
const again = { recursive: true, force: true, maxRetries: 10, retryDelay: 5 } as const
/** Longer than it takes until what was removed is there again, in ms. */
const limitMs = 10_000

/** Does it, and counts. Each resolves when the next thing may happen. */
export class Mischief {
  readonly done = new Map<Kind, number>()
  readonly #ksi: Ksi
  readonly #project: Project
  readonly #random: () => number

  constructor(ksi: Ksi, project: Project, random: () => number) {
    this.#ksi = ksi
    this.#project = project
    this.#random = random
  }

  /** Something, or nothing, by its share. */
  async maybe(): Promise<void> {
    let left = this.#random()
    for (const [kind, share] of Object.entries(mischiefs) as [Kind, number][]) {
      left -= share
      if (left >= 0) continue
      await this.#do(kind)
      this.done.set(kind, (this.done.get(kind) ?? 0) + 1)
      return
    }
  }

  /** How often each kind was done, in words. */
  get told(): string {
    return Object.keys(mischiefs)
      .map((kind) => `${kind} × ${this.done.get(kind as Kind) ?? 0}`)
      .join(', ')
  }

  async #do(kind: Kind): Promise<void> {
    const journal = this.#project.path('var/db/dev_checkpoint.db')
    switch (kind) {
      case 'journal removed':
        return this.#removeUntilBack(this.#project.path('var/db'), journal)
      case "WAL's index removed":
        return this.#removeUntilBack(`${journal}-shm`, `${journal}-shm`)
      case 'locks and sockets of runners removed':
        return this.#removeSockets()
      case 'response files removed':
        return rmSync(this.#project.path('var/logs/responses'), again)
      case 'supervisor stopped for a moment':
        return this.#stop(this.#ksi.process.pid ?? 0, 300)
      case 'runner stopped for a moment':
        return this.#stop(await this.#ksi.runnerPid(), 300)
      case 'runner hangs':
        return this.#hang()
      case 'hostile lines':
        return this.#attack()
    }
  }

  /** A generation that is killed before it has put the journal back takes it along: that is another test's. */
  async #removeUntilBack(path: string, back: string): Promise<void> {
    rmSync(path, again)
    const until = performance.now() + limitMs
    while (!existsSync(back)) {
      if (performance.now() > until) throw new Error(`${back} was not made again\n${this.#ksi.output()}`)
      await delay(5)
    }
    await delay(100)
  }

  #removeSockets(): void {
    for (const name of readdirSync(this.#project.path('var/run'), { recursive: true, encoding: 'utf8' }))
      if (/runner.*\.sock$|\.lock$|\.pid$/.test(name)) rmSync(this.#project.path(`var/run/${name}`), { force: true })
  }

  async #stop(pid: number, ms: number): Promise<void> {
    signal(pid, 'SIGSTOP')
    await delay(ms)
    signal(pid, 'SIGCONT')
  }

  /** Until its host has ended it and another one takes the work. */
  async #hang(): Promise<void> {
    const { runners } = await this.#ksi.status()
    const old = new Set(runners.map(({ id }) => id))
    signal(await this.#ksi.runnerPid(), 'SIGSTOP')
    await this.#ksi.untilStatus((now) => now.runners.some(({ id, accepting }) => accepting && !old.has(id)), 30_000)
  }

  async #attack(): Promise<void> {
    const socket = connect(this.#ksi.socket).on('error', () => {})
    await once(socket, 'connect')
    socket.resume()
    const depth = 100 + Math.floor(this.#random() * 20_000)
    const lines = [
      '{"event":',
      `{"event":"completion:async","data":{"prompt":${'['.repeat(depth)}${']'.repeat(depth)}}}`,
      `{"event":"${'completion:'.repeat(5_000)}","data":{}}`,
      `{"event":"system:discover","data":{"event":"${'*'.repeat(150)}#"}}`,
      `{"event":"system:health","correlation_id":${'{"0":'.repeat(depth)}1${'}'.repeat(depth)}}`,
      '\u0000\uFFFF garbage',
    ]
    for (const line of lines) socket.write(`${line}\n`)
    socket.write('x'.repeat(100_000))
    await delay(20)
    socket.destroy()
  }
}
