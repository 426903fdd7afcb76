import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import type { Duplex, Readable } from 'node:stream'
import { startAwakeTimer } from './awake-timer.ts'
import { describeEnd } from './child-end.ts'
import type { ChildEnd } from './child-end.ts'
import { Inspected } from './inspected.ts'
import { LineDecoder } from './ndjson.ts'
import { cpuMsOf, mainThreadOf } from './process-use.ts'
import { Silence } from './silence.ts'

export interface ChildOptions {
  env: NodeJS.ProcessEnv
  /** What it prints, line by line. */
  onLine: (line: string) => void
  /** What it says over its IPC channel. */
  onMessage?: (message: unknown) => void
  /** a duplex pipe as file descriptor 4 */
  extraPipe?: boolean
  /** Node's own options. */
  execArgv?: readonly string[]
  /** In a session of its own: it may outlive this process, and hears nothing of the terminal's signals. */
  detached?: boolean
}

const stderrKept = 4_000
const maxLogLine = 1_048_576
/** A grandchild can keep the pipes open: then the last of the output is not waited for longer than this, in ms. */
const lastOutputMs = 100
/** So often, in its limit of silence, a child is asked for a sign of life. */
const pings = 5
/** Whoever waits for the disk may be silent so many times as long. */
export const diskPatience = 12

/**
 * A Node program of ours, started with an IPC channel. The end of its stderr is kept, since it says why a process died.
 */
export class Child {
  /** Resolves once, when it has ended; also when it could not be started. */
  readonly ended: Promise<ChildEnd>
  readonly #process: ChildProcess | undefined
  #alive = true
  #killedByUs = false
  #wasStopped = false
  readonly #inspected = new Inspected()
  #stderr = ''
  #unanswered = 0
  readonly #silence = new Silence()
  #heartbeat: NodeJS.Timeout | undefined

  /** @param path the program's main file */
  constructor(path: string, options: ChildOptions) {
    this.#process = forkOrNothing(path, options)
    this.ended = this.#untilEnded()
    const { onLine, onMessage } = options
    forwardLines(this.#process?.stdout, onLine)
    forwardLines(this.#process?.stderr, (line) => {
      this.#inspected.read(line)
      this.#stderr = `${this.#stderr}${line}\n`.slice(-stderrKept)
      onLine(line)
    })
    this.#process?.on('message', (message) => {
      this.#unanswered = 0
      onMessage?.(message)
    })
    // A send to a child that has just died: its end is told by `ended`.
    this.#process?.on('error', () => {})
    this.stream?.on('error', () => {})
  }

  get pid(): number | undefined {
    return this.#process?.pid
  }

  get alive(): boolean {
    return this.#alive
  }

  /** File descriptor 4, if it was asked for and the process could be started. */
  get stream(): Duplex | undefined {
    // Where there was no descriptor for its pipes, Node leaves the whole list away.
    const stdio: unknown[] | undefined = this.#process?.stdio
    return (stdio?.[4] ?? undefined) as Duplex | undefined
  }

  /** CPU time used so far, in ms; undefined where it is not known. */
  get cpuMs(): number | undefined {
    return cpuMsOf(this.pid)
  }

  /** Whether a debugger is attached to it: then it may stand still as long as somebody likes. */
  get debugged(): boolean {
    return this.#inspected.attached
  }

  /**
   * The port of this machine at which its inspector listens, opened when it is first asked for, also in code that never
   * comes back; undefined when it ends before. Only for one that has come up: before, this would end it.
   */
  inspectorPort(): Promise<number | undefined> {
    if (!this.#inspected.isOpen) this.signal('SIGUSR1')
    return Promise.race([this.#inspected.listening, this.ended.then(() => undefined)])
  }

  /** How often in a row it has been asked for a sign of life and has given none. */
  get unanswered(): number {
    return this.#unanswered
  }

  /** It cannot answer since its main thread waits for the disk. */
  get waitsForDisk(): boolean {
    return this.#alive && this.#silence.isOfDisk(this.pid)
  }

  send(message: object): void {
    if (this.#process?.connected === true) this.#process.send(message)
  }

  signal(name: NodeJS.Signals): void {
    this.#process?.kill(name)
  }

  /** Asks nothing: SIGKILL. */
  kill(): void {
    this.#killedByUs = true
    this.#wasStopped = mainThreadOf(this.pid)?.stopped ?? false
    this.#inspected.look()
    this.#process?.kill('SIGKILL')
  }

  /** Waits `ms` for the end, then kills. */
  async endWithin(ms: number): Promise<ChildEnd> {
    const timer = setTimeout(() => this.kill(), ms)
    const end = await this.ended
    clearTimeout(timer)
    return end
  }

  /**
   * Waits for `ready`, which the child's own words resolve. @throws Error, with its stderr as the stack, when it ends
   * before or is not ready within `ms` (in which this process itself ran); it is killed then
   */
  async readyWithin(ms: number, ready: Promise<void>, what: string): Promise<void> {
    const late = Promise.withResolvers<never>()
    const timer = startAwakeTimer(ms, () => late.reject(new Error(`${what} was not ready within ${ms} ms`)))
    const failed = this.ended.then((end) => {
      throw Object.assign(new Error(`${what} did not start: ${describeEnd(end)}`), { stack: end.stderr })
    })
    try {
      await Promise.race([ready, failed, late.promise])
    } catch (error) {
      this.kill()
      throw error
    } finally {
      timer.stop()
      failed.catch(() => {})
    }
  }

  /**
   * Sends `{ type: 'ping' }` from now on; `onSilent` is called once, when nothing has come back for `limitMs`. At a
   * breakpoint no limit applies, and whoever waits for the disk has more time.
   */
  watchHeartbeat(limitMs: number, onSilent: () => void): void {
    this.stopHeartbeat()
    this.#heartbeat = setInterval(() => {
      if (this.#unanswered === 0) this.#silence.begins(this.pid)
      this.#inspected.look()
      if (this.#unanswered >= pings && this.debugged) this.#unanswered = 0
      if (this.#unanswered >= pings && !(this.#unanswered < pings * diskPatience && this.waitsForDisk)) {
        this.stopHeartbeat()
        onSilent()
        return
      }
      this.#unanswered += 1
      this.send({ type: 'ping' })
    }, limitMs / pings)
  }

  stopHeartbeat(): void {
    clearInterval(this.#heartbeat)
    this.#unanswered = 0
  }

  #untilEnded(): Promise<ChildEnd> {
    const child = this.#process
    return new Promise((resolve) => {
      const finish = (code: number | null, signal: NodeJS.Signals | null): void => {
        this.#alive = false
        clearInterval(this.#heartbeat)
        const killedFromOutside = signal === 'SIGKILL' && (!this.#killedByUs || this.#wasStopped)
        resolve({ code, signal, stderr: this.#stderr, killedFromOutside, debugged: this.#inspected.wasOfLate })
      }
      if (child === undefined) return finish(null, null)
      child.once('error', () => {
        if (child.pid === undefined) finish(null, null)
      })
      // 'close' comes after the last of its output, 'exit' may come before.
      child.once('exit', (code, signal) => {
        this.#alive = false
        const timer = setTimeout(() => finish(code, signal), lastOutputMs)
        child.once('close', () => {
          clearTimeout(timer)
          finish(code, signal)
        })
      })
    })
  }
}

/** A system that has no process or file descriptor left says so by an end, not by a throw. */
function forkOrNothing(path: string, options: ChildOptions): ChildProcess | undefined {
  try {
    return fork(path, [], {
      env: options.env,
      detached: options.detached === true,
      // An inspector that is opened has a port of its own: several of our processes may be looked into.
      execArgv: ['--disable-warning=ExperimentalWarning', '--inspect-port=0', ...(options.execArgv ?? [])],
      stdio: options.extraPipe === true ? ['ignore', 'pipe', 'pipe', 'ipc', 'pipe'] : ['ignore', 'pipe', 'pipe', 'ipc'],
    })
  } catch {
    return undefined
  }
}

function forwardLines(stream: Readable | null | undefined, onLine: (line: string) => void): void {
  const decoder = new LineDecoder(maxLogLine, onLine, () => onLine('(a line of over 1 MiB was left out)'))
  stream?.on('data', (chunk: Buffer) => decoder.push(chunk))
  stream?.on('error', () => {})
}
