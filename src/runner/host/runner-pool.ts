import { randomUUID } from 'node:crypto'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type { FromRunner, ToRunner } from '../../contracts/control.ts'
import type { RunnerAddress } from '../../contracts/runner-host.ts'
import { Child } from '../../lib/child.ts'
import { describeEnd } from '../../lib/child-end.ts'
import type { ChildEnd } from '../../lib/child-end.ts'
import { countCrash, noCrashes } from '../../lib/crash-backoff.ts'
import type { Crash } from '../../lib/crash-backoff.ts'
import { messageOf } from '../../lib/errors.ts'
import { isObject } from '../../lib/ndjson.ts'
import type { WordLog } from '../../lib/plain-log.ts'
import type { ChildRegister } from '../orphans.ts'

interface RunnerPoolOptions {
  /** where the runners' sockets are */
  runDir: string
  /** the runner's program */
  path: string
  env: NodeJS.ProcessEnv
  bootMs: number
  heartbeatMs: number
  log: WordLog
  /** where runners are noted, so that those of a host that was killed can be found */
  register: ChildRegister
  onLine: (line: string) => void
  /** Runners have come or gone. */
  onChange: () => void
}

interface Runner {
  readonly id: string
  readonly socket: string
  readonly child: Child
  readonly since: number
  readonly ready: PromiseWithResolvers<void>
  /** Of two the one with the higher number has the newer code. */
  readonly number: number
  phase: 'starting' | 'accepting' | 'draining' | 'leaving'
  timer?: NodeJS.Timeout
}

const endMs = 3_000
/**
 * An old runner with nothing left to do stays so long: what a generation gave it before it heard of the new one is
 * refused, and queued again at once.
 */
const idleMs = 500
/** So many runners that ended in peace are remembered. */
const drainedKept = 100
/** A boot makes a lot of garbage in a moment: with room for it, none of that moment goes into collecting it. */
const roomy = ['--min-semi-space-size=16', '--max-semi-space-size=16', '--heap-growing-percent=100']

/** The runner processes: one takes new work, older ones finish theirs and end. */
export class RunnerPool {
  readonly #o: RunnerPoolOptions
  readonly #runners = new Set<Runner>()
  #lastNumber = 0
  #drained: readonly string[] = []
  #backoff = noCrashes
  #restart: NodeJS.Timeout | undefined
  #stopping = false
  #problem: string | null = null

  constructor(options: RunnerPoolOptions) {
    this.#o = options
  }

  /** Those one may talk to. */
  addresses(): RunnerAddress[] {
    return [...this.#runners]
      .filter(({ phase }) => phase !== 'starting')
      .map(({ id, socket, phase, since }) => ({ id, socket, accepting: phase === 'accepting', since }))
  }

  /** Those that ended in peace. */
  get drained(): readonly string[] {
    return this.#drained
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
    await runner.child.readyWithin(this.#o.bootMs, runner.ready.promise, 'the runner')
    if (this.#stopping) return
    const others = [...this.#runners].filter(({ phase }) => phase === 'accepting')
    // One with newer code was ready sooner.
    if (others.some(({ number }) => number > runner.number)) return say(runner, { type: 'end' })
    for (const other of others) other.phase = 'draining'
    runner.phase = 'accepting'
    clearTimeout(this.#restart)
    this.#problem = null
    runner.child.watchHeartbeat(this.#o.heartbeatMs, () => this.#onSilent(runner))
    // The old ones first: what is still given to them is refused and queued again, so that nothing new is run by old
    // code once anybody knows of the new one.
    for (const other of others) say(other, { type: 'drain' })
    this.#o.onChange()
  }

  /** Ends them all. */
  async stop(): Promise<void> {
    this.#stopping = true
    clearTimeout(this.#restart)
    await Promise.all(
      [...this.#runners].map((runner) => {
        say(runner, { type: 'end' })
        return runner.child.endWithin(endMs)
      }),
    )
  }

  #fork(): Runner {
    const { runDir, path, env, onLine, log } = this.#o
    const id = randomUUID()
    const socket = join(runDir, `runner-${id.slice(0, 8)}.sock`)
    const child = new Child(path, {
      env: { ...env, KSI_RUNNER_ID: id, KSI_RUNNER_SOCKET: socket },
      execArgv: roomy,
      onLine,
      onMessage: (message) => this.#heard(runner, message),
    })
    const ready = Promise.withResolvers<void>()
    const runner: Runner = {
      id,
      socket,
      child,
      since: Date.now(),
      ready,
      number: ++this.#lastNumber,
      phase: 'starting',
    }
    this.#runners.add(runner)
    log.info({ runner: id, pid: child.pid ?? null }, 'a runner is started')
    const strikeOut = child.pid === undefined ? () => {} : this.#o.register.add(child.pid)
    void child.ended.then((end) => {
      strikeOut()
      this.#onEnd(runner, end)
    })
    return runner
  }

  #heard(runner: Runner, message: unknown): void {
    const type = isObject(message) ? message.type : undefined
    if (type === ('ready' satisfies FromRunner['type'])) runner.ready.resolve()
    else if (type === ('idle' satisfies FromRunner['type'])) this.#endSoon(runner)
    else if (type !== ('pong' satisfies FromRunner['type']))
      this.#o.log.warn(
        { runner: runner.id, message },
        'the runner says something its host does not know: it is ignored',
      )
  }

  #endSoon(runner: Runner): void {
    if (runner.phase === 'draining') runner.phase = 'leaving'
    if (runner.phase !== 'leaving') return
    clearTimeout(runner.timer)
    runner.timer = setTimeout(() => say(runner, { type: 'end' }), idleMs)
  }

  #onSilent({ id, child }: Runner): void {
    const { log, heartbeatMs } = this.#o
    log.error({ runner: id }, `the runner gave no sign of life for ${heartbeatMs} ms and is ended`)
    child.kill()
  }

  #onEnd(runner: Runner, end: ChildEnd): void {
    const { id, phase, socket, since, timer } = runner
    const { log, onChange } = this.#o
    clearTimeout(timer)
    this.#runners.delete(runner)
    rmSync(socket, { force: true })
    if (this.#stopping || phase === 'starting') return
    if (phase === 'leaving' && end.code === 0) this.#drained = [...this.#drained.slice(1 - drainedKept), id]
    onChange()
    if (phase === 'leaving' && end.code === 0) return log.info({ runner: id }, 'an old runner has finished its work')
    log.error({ runner: id }, `the runner went down (${describeEnd(end)}); what it was running is lost`)
    if (phase === 'accepting') this.#restartLater({ killed: end.killedFromOutside, livedMs: Date.now() - since })
  }

  #restartLater(crash: Crash): void {
    clearTimeout(this.#restart)
    const { backoff, waitMs } = countCrash(this.#backoff, crash, performance.now())
    this.#backoff = backoff
    this.#restart = setTimeout(() => void this.startFirst(), waitMs)
  }

  #tryOn(error: unknown): void {
    if (this.#stopping) return
    this.#o.log.error({ err: error }, 'the runner could not be started, trying on')
    this.#problem = `There is no runner, so requests wait: ${messageOf(error)}`
    this.#o.onChange()
    this.#restartLater({ killed: false, livedMs: 0 })
  }
}

function say({ child }: Runner, message: ToRunner): void {
  child.send(message)
}
