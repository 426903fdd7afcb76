import { rmSync } from 'node:fs'
import type { RunnerAddress } from '../../contracts/runner-host.ts'
import { sleep } from '../../lib/backoff.ts'
import { describeEnd } from '../../lib/child-end.ts'
import type { ChildEnd } from '../../lib/child-end.ts'
import { countCrash, noCrashes } from '../../lib/crash-backoff.ts'
import type { Crash } from '../../lib/crash-backoff.ts'
import { messageOf } from '../../lib/errors.ts'
import type { WordLog } from '../../lib/plain-log.ts'
import type { ChildRegister } from '../orphans.ts'
import type { Drained } from './drained.ts'
import { RunnerProcess } from './runner-process.ts'

interface RunnerPoolOptions {
  /** the root of ksi */
  root: string
  env: NodeJS.ProcessEnv
  bootMs: number
  heartbeatMs: number
  /** Keep a process that has begun to start, so that a save is quick. */
  spare: boolean
  log: WordLog
  /** where runners are noted, so that those of a host that was killed can be found */
  register: ChildRegister
  /** where those that ended in peace are noted */
  drained: Drained
  onLine: (line: string) => void
  /** Runners have come or gone. */
  onChange: () => void
}

/**
 * An old runner with nothing left to do stays so long: what a generation gave it before it heard of the new one is
 * refused, and queued again at once.
 */
const idleMs = 500
/** So long after a start the next spare is made: the new runner has its first work to do. */
const spareMs = 300
const drainLookMs = 50

/** The runner processes: one takes new work, older ones finish theirs and end. */
export class RunnerPool {
  readonly #o: RunnerPoolOptions
  readonly #runners = new Set<RunnerProcess>()
  #env: NodeJS.ProcessEnv
  #spare: RunnerProcess | undefined
  #lastNumber = 0
  #backoff = noCrashes
  #restart: NodeJS.Timeout | undefined
  #refill: NodeJS.Timeout | undefined
  #stopping: 'draining' | 'ending' | undefined
  /** No runner takes anything any more: what they say of their runs is true from then on. */
  #refusing = false
  #problem: string | null = null

  constructor(options: RunnerPoolOptions) {
    this.#o = options
    this.#env = options.env
  }

  /** Those one may talk to. */
  addresses(): RunnerAddress[] {
    return [...this.#runners]
      .filter(({ phase }) => phase !== 'starting' && phase !== 'spare')
      .map((runner) => runner.address)
  }

  /** Those that ended in peace. */
  get drained(): readonly string[] {
    return this.#o.drained.ids
  }

  /** Why no runner takes work; null when one does. */
  get problem(): string | null {
    return this.#problem
  }

  get isDraining(): boolean {
    return this.#stopping !== undefined
  }

  /** The environment of runners that are started from now on. */
  useEnv(env: NodeJS.ProcessEnv): void {
    this.#env = env
    void this.#spare?.end()
    this.#spare = undefined
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
    const runner = this.#takeSpare() ?? this.#fork()
    try {
      await runner.begin(++this.#lastNumber, this.#o.bootMs)
    } finally {
      this.#refillLater()
    }
    if (this.#stopping !== undefined) return void runner.end()
    const others = [...this.#runners].filter(({ phase }) => phase === 'accepting')
    // One with newer code was ready sooner.
    if (others.some(({ number }) => number > runner.number)) return runner.say({ type: 'end' })
    for (const other of others) other.phase = 'draining'
    runner.phase = 'accepting'
    clearTimeout(this.#restart)
    this.#problem = null
    runner.child.watchHeartbeat(this.#o.heartbeatMs, () => this.#onSilent(runner))
    // The old ones first: what is still given to them is refused and queued again, so that nothing new is run by old
    // code once anybody knows of the new one.
    for (const other of others) other.say({ type: 'drain' })
    this.#o.onChange()
  }

  /** How many runs have no outcome, as the runners say now, within `ms`; those that do not answer are one each. */
  async running(ms: number): Promise<number> {
    const asked = [...this.#runners].filter(({ phase }) => phase !== 'starting' && phase !== 'spare')
    for (const runner of asked) {
      runner.running = undefined
      runner.say({ type: 'ping' })
    }
    const until = performance.now() + ms
    while (performance.now() < until && asked.some(({ running, child }) => running === undefined && child.alive))
      await sleep(2)
    return asked.reduce((sum, { running, child }) => sum + (child.alive ? (running ?? 1) : 0), 0)
  }

  /**
   * Takes no new work, and waits until nothing runs any more, for `ms` at most. @returns how many runs there were at
   * first, and how many are left
   */
  async drain(ms: number): Promise<{ had: number; left: number }> {
    this.#stopping ??= 'draining'
    clearTimeout(this.#restart)
    const began = performance.now()
    const had = await this.running(drainLookMs)
    for (const runner of this.#runners) {
      if (runner.phase !== 'accepting') continue
      runner.phase = 'draining'
      runner.say({ type: 'drain' })
    }
    this.#o.onChange()
    for (;;) {
      const left = await this.running(drainLookMs)
      const waited = performance.now() - began
      if (waited >= ms || (left === 0 && waited >= Math.min(idleMs, ms))) {
        this.#refusing = true
        return { had, left }
      }
      await sleep(drainLookMs)
    }
  }

  /** Ends them all. */
  async stop(): Promise<void> {
    this.#stopping = 'ending'
    clearTimeout(this.#restart)
    clearTimeout(this.#refill)
    await Promise.all([...this.#runners].map((runner) => runner.end()))
  }

  #fork(): RunnerProcess {
    const { root, log, register, onLine } = this.#o
    const runner = new RunnerProcess({
      root,
      env: this.#env,
      log,
      register,
      onLine,
      onIdle: (idle) => this.#endSoon(idle),
      onEnd: (ended, end) => this.#onEnd(ended, end),
    })
    this.#runners.add(runner)
    return runner
  }

  #takeSpare(): RunnerProcess | undefined {
    const spare = this.#spare
    this.#spare = undefined
    if (spare === undefined || spare.isFresh) return spare
    void spare.end()
    return undefined
  }

  #refillLater(): void {
    clearTimeout(this.#refill)
    if (!this.#o.spare) return
    this.#refill = setTimeout(() => {
      if (this.#stopping === undefined) this.#spare ??= this.#fork()
    }, spareMs)
  }

  #endSoon(runner: RunnerProcess): void {
    if (runner.phase === 'draining') runner.phase = 'leaving'
    if (runner.phase !== 'leaving') return
    clearTimeout(runner.timer)
    runner.timer = setTimeout(() => runner.say({ type: 'end' }), idleMs)
  }

  #onSilent({ id, child }: RunnerProcess): void {
    const { log, heartbeatMs } = this.#o
    log.error({ runner: id }, `the runner gave no sign of life for ${heartbeatMs} ms and is ended`)
    child.kill()
  }

  #onEnd(runner: RunnerProcess, end: ChildEnd): void {
    const { id, phase, socket, timer, running } = runner
    const { log, onChange } = this.#o
    clearTimeout(timer)
    this.#runners.delete(runner)
    if (this.#spare === runner) this.#spare = undefined
    rmSync(socket, { force: true })
    if (phase === 'starting' || phase === 'spare') return
    const inPeace = end.code === 0 && (phase === 'leaving' || (this.#refusing && running === 0))
    if (inPeace) this.#o.drained.add(id)
    onChange()
    if (inPeace) return log.info({ runner: id }, 'an old runner has finished its work')
    if (this.#stopping === 'ending') return
    log.error({ runner: id }, `the runner went down (${describeEnd(end)}); what it was running is lost`)
    if (phase === 'accepting') this.#restartLater({ killed: end.killedFromOutside, livedMs: runner.livedMs })
  }

  #restartLater(crash: Crash): void {
    clearTimeout(this.#restart)
    if (this.#stopping !== undefined) return
    const { backoff, waitMs } = countCrash(this.#backoff, crash, performance.now())
    this.#backoff = backoff
    this.#restart = setTimeout(() => void this.startFirst(), waitMs)
  }

  #tryOn(error: unknown): void {
    if (this.#stopping !== undefined) return
    this.#o.log.error({ err: error }, 'the runner could not be started, trying on')
    this.#problem = `There is no runner, so requests wait: ${messageOf(error)}`
    this.#o.onChange()
    this.#restartLater({ killed: false, livedMs: 0 })
  }
}
