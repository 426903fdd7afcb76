import { randomUUID } from 'node:crypto'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import type { FromRunner, ToRunner } from '../../contracts/control.ts'
import type { Protocol } from '../../contracts/protocol.ts'
import type { RunnerAddress } from '../../contracts/runner-host.ts'
import { Child } from '../../lib/child.ts'
import type { ChildEnd } from '../../lib/child-end.ts'
import { isObject } from '../../lib/ndjson.ts'
import type { WordLog } from '../../lib/plain-log.ts'
import type { ChildRegister } from '../orphans.ts'

export interface RunnerProcessOptions {
  /** the root of ksi: its runner, and where the sockets are */
  root: string
  env: NodeJS.ProcessEnv
  log: WordLog
  /** where runners are noted, so that those of a host that was killed can be found */
  register: ChildRegister
  onLine: (line: string) => void
  /** A draining runner holds nothing any more. */
  onIdle: (runner: RunnerProcess) => void
  onEnd: (runner: RunnerProcess, end: ChildEnd) => void
}

const endMs = 3_000
/**
 * A boot makes a lot of garbage in a moment: with room for it, little of that moment goes into collecting it. The room
 * is not taken before it is used: a spare is to be small.
 */
const roomy = ['--max-semi-space-size=16', '--heap-growing-percent=100', '--expose-gc']

/** One runner's process, from spare to end. */
export class RunnerProcess {
  readonly id = randomUUID()
  readonly socket: string
  readonly child: Child
  /** Of two that have begun the one with the higher number has the newer code; 0 for one that has not. */
  number = 0
  /** epoch ms of its beginning */
  since = Date.now()
  #begunAt = performance.now()
  phase: 'spare' | 'starting' | 'accepting' | 'draining' | 'leaving' = 'spare'
  /** Runs without an outcome, by its last word; undefined when it has not said. */
  running: number | undefined
  timer: NodeJS.Timeout | undefined
  #speaks: Protocol = { protocol: 1, oldest: 1 }
  readonly #o: RunnerProcessOptions
  readonly #ready = Promise.withResolvers<void>()
  readonly #stamp: string

  constructor(options: RunnerProcessOptions) {
    const { root, env, onLine, onEnd, register } = options
    this.#o = options
    this.#stamp = stampOf(root)
    this.socket = join(root, `var/run/runner/${this.id.slice(0, 8)}.sock`)
    this.child = new Child(join(root, 'src/runner/main.ts'), {
      env: { ...env, KSI_RUNNER_ID: this.id, KSI_RUNNER_SOCKET: this.socket },
      execArgv: roomy,
      onLine,
      onMessage: (message) => this.#heard(message),
    })
    const strikeOut = this.child.pid === undefined ? () => {} : register.add(this.child.pid)
    void this.child.ended.then((end) => {
      strikeOut()
      onEnd(this, end)
    })
  }

  /** ms since its beginning, by a clock that only goes forwards */
  get livedMs(): number {
    return performance.now() - this.#begunAt
  }

  get address(): RunnerAddress {
    const { id, socket, phase, since } = this
    return { id, socket, accepting: phase === 'accepting', since, ...this.#speaks }
  }

  /** Whether what it has loaded as a spare is what is on disk. */
  get isFresh(): boolean {
    return this.child.alive && this.#stamp === stampOf(this.#o.root)
  }

  /**
   * It imports our code as it is now; resolves when it can be given work. @throws Error with the reason when it cannot
   * within `ms`
   */
  begin(number: number, ms: number): Promise<void> {
    this.number = number
    this.since = Date.now()
    this.#begunAt = performance.now()
    this.phase = 'starting'
    this.#o.log.info({ runner: this.id, pid: this.child.pid ?? null }, 'a runner is started')
    this.say({ type: 'begin' })
    return this.child.readyWithin(ms, this.#ready.promise, 'the runner')
  }

  say(message: ToRunner): void {
    this.child.send(message)
  }

  /** Asks it to end, and sees to it. */
  async end(): Promise<void> {
    this.say({ type: 'end' })
    await this.child.endWithin(endMs)
  }

  #heard(message: unknown): void {
    const said: Partial<Record<string, unknown>> = isObject(message) ? message : {}
    const is = (type: FromRunner['type']): boolean => said['type'] === type
    if (is('ready')) {
      this.#speaks = { protocol: numberOr(1, said['protocol']), oldest: numberOr(1, said['oldest']) }
      this.#ready.resolve()
    } else if (is('idle')) this.#o.onIdle(this)
    else if (is('pong')) this.running = typeof said['running'] === 'number' ? said['running'] : undefined
    else if (!is('spare'))
      this.#o.log.warn({ runner: this.id, message }, 'the runner says something its host does not know: it is ignored')
  }
}

function numberOr(fallback: number, value: unknown): number {
  return typeof value === 'number' ? value : fallback
}

/** Stands for what a spare has loaded already: its own files and the dependencies. */
function stampOf(root: string): string {
  const files = ['src/runner/main.ts', 'src/lib/preload.ts', 'node_modules/.package-lock.json']
  return files.map((file) => statSync(join(root, file), { throwIfNoEntry: false })?.mtimeMs ?? 0).join(' ')
}
