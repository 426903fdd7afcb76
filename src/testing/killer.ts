import { setTimeout as delay } from 'node:timers/promises'
import type { Ksi } from './ksi.ts'
import type { Load } from './load.ts'
import { childrenOf, signal } from './processes.ts'
import type { Project } from './project.ts'
import type { WireClient } from './wire-client.ts'

/**
 * SIGKILL; SIGKILL, and again of whatever comes up then; an exception in a timer; process.exit; SIGABRT; out of memory;
 * stopped, so that it gives no sign of life.
 */
export type Way = 'kill' | 'kill again' | 'throw' | 'exit' | 'abort' | 'out of memory' | 'hang'

/** One end of a generation. */
export interface Kill {
  way: Way
  /** from the kill to the first request started after it, in ms */
  startedMs: number
  /** kills within it */
  signals: number
}

/** The supervisor takes this many kills in 10 s for an operator; past it, it waits between its restarts. */
const killsPerWindow = { kills: 29, ms: 10_000 }
/** A generation that lived this long, in ms, is restarted without delay also when it crashed by itself. */
const soundMs = 1_100
const limitMs = 20_000

/** Gives the daemon of a test's project an event that ends it in the ways a signal cannot. */
export function addCrashEvent(project: Project): void {
  const code = `
  const crash = { summary: '', data: z.looseObject({ way: z.string() }), reply: () => z.unknown() }
  core.router.add('test:crash', crash, ({ way }) => {
    setTimeout(() => {
      const hold: unknown[] = []
      if (way === 'throw') throw new Error('thrown in a timer by a test')
      if (way === 'exit') process.exit(7)
      if (way === 'abort') process.abort()
      for (;;) hold.push(Array.from({ length: 100_000 }, () => ({ way })))
    }, 5)
    return { way }
  }, 'test')
`
  project.edit(
    'src/daemon/health.ts',
    (text) =>
      `import { z } from 'zod'\n${text.replace(/(export function registerHealth\([^)]*\): void \{\n)/, `$1${code}`)}`,
  )
}

/** Ends the live generation over and over, and measures how long it takes until requests are started again. */
export class Killer {
  readonly #ksi: Ksi
  readonly #load: Load
  readonly #random: () => number
  readonly #control: WireClient
  #pid = 0
  #liveSince = 0
  #signals: number[] = []

  private constructor(ksi: Ksi, load: Load, random: () => number, control: WireClient) {
    this.#ksi = ksi
    this.#load = load
    this.#random = random
    this.#control = control
  }

  static async create(ksi: Ksi, load: Load, random: () => number): Promise<Killer> {
    const killer = new Killer(ksi, load, random, await ksi.client())
    await killer.#untilLive(new Set())
    return killer
  }

  /** At a random moment, at most `withinMs` from now. Resolves when requests are started again. */
  async kill(way: Way, withinMs: number): Promise<Kill> {
    await this.#pace(way)
    await delay(this.#random() * withinMs)
    const killed = new Set([this.#pid])
    const before = this.#signals.length
    const started = this.#nextStart()
    const begun = performance.now()
    if (way === 'kill' || way === 'kill again') this.#sigkill(this.#pid)
    else if (way === 'hang') signal(this.#pid, 'SIGSTOP')
    else if ((await this.#control.request('test:crash', { way })).way !== way) throw new Error('it knows no test:crash')
    if (way === 'kill again') {
      await delay(this.#random() * 150)
      for (const { pid, command } of childrenOf(this.#ksi.process.pid ?? 0)) {
        if (!command.includes('daemon/main')) continue
        killed.add(pid)
        this.#sigkill(pid)
      }
    }
    const at = await started
    await this.#untilLive(killed)
    return { way, startedMs: at - begun, signals: this.#signals.length - before }
  }

  [Symbol.dispose](): void {
    this.#control.close()
  }

  #sigkill(pid: number): void {
    this.#signals.push(performance.now())
    signal(pid, 'SIGKILL')
  }

  async #pace(way: Way): Promise<void> {
    if (way === 'kill' || way === 'kill again') {
      const oldest = this.#signals.at(-killsPerWindow.kills)
      if (oldest !== undefined) await delay(Math.max(0, oldest + killsPerWindow.ms - performance.now()))
    } else await delay(Math.max(0, this.#liveSince + soundMs - performance.now()))
  }

  /** When the first request is started by a generation that went live after now. */
  #nextStart(): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<number>()
    const timer = setTimeout(
      () => reject(new Error(`no request was started within ${limitMs} ms of a kill\n${this.#ksi.output()}`)),
      limitMs,
    )
    let recovered = false
    this.#load.onEvent = ({ event, data }) => {
      if (event === 'system:recovered') recovered = true
      if (!recovered || data.status !== 'calling_provider') return
      clearTimeout(timer)
      resolve(performance.now())
    }
    return promise
  }

  async #untilLive(killed: ReadonlySet<number>): Promise<void> {
    for (const limit = performance.now() + limitMs; ; await delay(3)) {
      const { status, pid } = await this.#control.request('system:health')
      if (status === 'healthy' && !killed.has(Number(pid))) {
        this.#pid = Number(pid)
        this.#liveSince = performance.now()
        return
      }
      if (performance.now() > limit) throw new Error(`not live within ${limitMs} ms of a kill\n${this.#ksi.output()}`)
    }
  }
}
