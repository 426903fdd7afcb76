import { randomUUID } from 'node:crypto'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { fromRunner } from '../../contracts/control.ts'
import type { RunnerAddress, SupervisorStatus } from '../../contracts/control.ts'
import type { Settings } from '../../contracts/settings.ts'
import { messageOf } from '../../lib/errors.ts'
import type { Log } from '../../lib/log.ts'
import { describeEnd, startChild } from './child.ts'
import type { Child, ChildEnd } from './child.ts'
import { CrashBackoff } from './crash-backoff.ts'

interface Runner {
  id: string
  socket: string
  child: Child
  accepting: boolean
  ready: boolean
  draining: boolean
  since: number
  /** It has nothing left to do, and ends with this timer. */
  leaving: NodeJS.Timeout | undefined
}

const endMs = 3_000
/**
 * An old runner with nothing left to do stays so long: what a generation gave it before it heard of the new one is
 * refused, and queued again at once.
 */
const idleMs = 500
/**
 * So many runners that ended in peace are remembered: what was given to one of them unread is queued again, not taken
 * for lost.
 */
const drainedKept = 100

/** The runner processes: one takes new work, older ones finish theirs and end. */
export class Runners {
  readonly #settings: Settings
  readonly #log: Log
  readonly #env: NodeJS.ProcessEnv
  readonly #onLine: (line: string) => void
  readonly #onChange: () => void
  #runners: Runner[] = []
  #drained: RunnerAddress[] = []
  readonly #backoff = new CrashBackoff()
  #restart: NodeJS.Timeout | undefined
  #stopping = false
  #problem: string | null = null

  constructor(options: {
    settings: Settings
    log: Log
    env: NodeJS.ProcessEnv
    onLine: (line: string) => void
    onChange: () => void
  }) {
    this.#settings = options.settings
    this.#log = options.log
    this.#env = options.env
    this.#onLine = options.onLine
    this.#onChange = options.onChange
  }

  /** Those a generation may talk to, and those that ended in peace. */
  addresses(): RunnerAddress[] {
    return [
      ...this.#runners.filter(({ ready }) => ready).map(({ id, socket, accepting }) => ({ id, socket, accepting })),
      ...this.#drained,
    ]
  }

  facts(): SupervisorStatus['runners'] {
    return this.#runners.map(({ id, accepting, since, child }) => ({
      id,
      accepting,
      since,
      pid: child.process.pid ?? null,
    }))
  }

  /** Why no runner takes work; null when one does. */
  get problem(): string | null {
    return this.#problem
  }

  /** Starts the first runner: after a first try that failed it tries on by itself. */
  async startFirst(): Promise<void> {
    await this.start().catch((error: unknown) => this.#tryOn(error))
  }

  /**
   * Starts a runner with the code as it is on disk; once it is ready it takes the new work and the others finish
   * theirs.
   * @throws Error with the reason when it does not become ready; the old one goes on taking work then
   */
  async start(): Promise<void> {
    const runner = this.#fork()
    await this.#becomesReady(runner)
    const others = this.#runners.filter((other) => other !== runner && other.ready)
    for (const other of others) other.accepting = false
    runner.ready = runner.accepting = true
    clearTimeout(this.#restart)
    this.#problem = null
    // The generation first: what it still gives to an old one is refused there and queued again.
    this.#onChange()
    for (const other of others) {
      other.draining = true
      other.child.process.send({ type: 'drain' })
    }
  }

  async stop(): Promise<void> {
    this.#stopping = true
    clearTimeout(this.#restart)
    await Promise.all(
      this.#runners.map(({ child }) => {
        if (child.process.connected) child.process.send({ type: 'end' })
        return child.endWithin(endMs)
      }),
    )
  }

  #fork(): Runner {
    const id = randomUUID()
    const socket = join(this.#settings.paths.run, `runner-${id.slice(0, 8)}.sock`)
    const env = { ...this.#env, KSI_RUNNER_ID: id, KSI_RUNNER_SOCKET: socket }
    const child = startChild(join(this.#settings.paths.src, 'runner/main.ts'), { env, onLine: this.#onLine })
    const runner: Runner = {
      id,
      socket,
      child,
      accepting: false,
      ready: false,
      draining: false,
      since: Date.now(),
      leaving: undefined,
    }
    this.#runners.push(runner)
    void child.ended.then((end) => this.#onEnd(runner, end))
    return runner
  }

  async #becomesReady(runner: Runner): Promise<void> {
    const { child } = runner
    let timer: NodeJS.Timeout | undefined
    const ready = new Promise<void>((resolve) => {
      child.process.on('message', (message) => {
        const { data: known } = fromRunner.safeParse(message)
        if (known === undefined)
          this.#log.warn(
            { runner: runner.id, message },
            'the runner says something this supervisor does not know: it is ignored',
          )
        else if (known.type === 'ready') resolve()
        else if (runner.draining) this.#endSoon(runner)
      })
    })
    const failed = child.ended.then((end) => {
      throw Object.assign(new Error(`the runner did not start: ${describeEnd(end)}`), { stack: end.stderr })
    })
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(
        () => reject(new Error(`the runner was not ready within ${this.#settings.KSI_BOOT_TIMEOUT_MS} ms`)),
        this.#settings.KSI_BOOT_TIMEOUT_MS,
      )
    })
    try {
      await Promise.race([ready, failed, late])
    } catch (error) {
      child.kill()
      throw error
    } finally {
      clearTimeout(timer)
      failed.catch(() => {})
    }
  }

  #endSoon(runner: Runner): void {
    clearTimeout(runner.leaving)
    runner.leaving = setTimeout(() => {
      if (runner.child.process.connected) runner.child.process.send({ type: 'end' })
    }, idleMs)
  }

  #onEnd(runner: Runner, end: ChildEnd): void {
    clearTimeout(runner.leaving)
    this.#runners = this.#runners.filter((other) => other !== runner)
    rmSync(runner.socket, { force: true })
    if (this.#stopping || !runner.ready) return
    if (runner.leaving !== undefined && end.code === 0)
      this.#drained = [
        ...this.#drained.slice(1 - drainedKept),
        { id: runner.id, socket: '', accepting: false, drained: true },
      ]
    this.#onChange()
    if (runner.draining) {
      this.#log.info({ runner: runner.id }, 'an old runner has finished its work')
      return
    }
    this.#log.error({ runner: runner.id }, `the runner went down (${describeEnd(end)}); what it was running is lost`)
    this.#restartLater({ killed: end.killedFromOutside, livedMs: Date.now() - runner.since })
  }

  #restartLater(crash: { killed: boolean; livedMs: number }): void {
    clearTimeout(this.#restart)
    this.#restart = setTimeout(() => {
      this.start().catch((error: unknown) => this.#tryOn(error))
    }, this.#backoff.next(crash))
  }

  #tryOn(error: unknown): void {
    if (this.#stopping) return
    this.#log.error({ err: error }, 'the runner could not be started, trying on')
    this.#problem = `There is no runner, so requests wait: ${messageOf(error)}`
    this.#restartLater({ killed: false, livedMs: 0 })
  }
}
