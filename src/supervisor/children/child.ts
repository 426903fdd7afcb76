import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import type { Readable } from 'node:stream'
import { LineDecoder } from '../../lib/ndjson.ts'

/** How a child process ended. */
export interface ChildEnd {
  code: number | null
  signal: NodeJS.Signals | null
  /** the end of what it wrote to stderr */
  stderr: string
  /** SIGKILL, and not from us */
  killedFromOutside: boolean
}

export interface Child {
  readonly process: ChildProcess
  /** Resolves once, when it has ended. */
  readonly ended: Promise<ChildEnd>
  readonly alive: boolean
  /** Asks nothing: SIGKILL. */
  kill(): void
  /** Waits `ms` for the end, then kills. */
  endWithin(ms: number): Promise<void>
}

const stderrKept = 4_000
const maxLogLine = 1_048_576

/**
 * Starts a Node program of ours with an IPC channel. What it prints goes to `onLine`, line by line; the end of its
 * stderr is kept, since it says why a process died.
 * @param extraPipe true for a duplex pipe as file descriptor 4
 */
export function startChild(
  path: string,
  options: { env: NodeJS.ProcessEnv; extraPipe?: boolean; onLine: (line: string) => void },
): Child {
  const child = fork(path, [], {
    env: options.env,
    // A boot makes a lot of garbage in a moment: with room for it, none of that moment goes into collecting it.
    execArgv: ['--disable-warning=ExperimentalWarning', '--min-semi-space-size=16', '--max-semi-space-size=32'],
    stdio: options.extraPipe === true ? ['ignore', 'pipe', 'pipe', 'ipc', 'pipe'] : ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  let stderr = ''
  let alive = true
  let killedByUs = false
  const kill = (): void => {
    killedByUs = true
    child.kill('SIGKILL')
  }
  forwardLines(child.stdout, options.onLine)
  forwardLines(child.stderr, (line) => {
    stderr = `${stderr}${line}\n`.slice(-stderrKept)
    options.onLine(line)
  })
  const ended = new Promise<ChildEnd>((resolve) => {
    const finish = (code: number | null, signal: NodeJS.Signals | null): void => {
      alive = false
      resolve({ code, signal, stderr, killedFromOutside: signal === 'SIGKILL' && !killedByUs })
    }
    child.once('error', () => finish(null, null))
    // 'close' comes after the last of its output, 'exit' may come before; but a grandchild can keep the pipes open.
    child.once('exit', (code, signal) => {
      alive = false
      const timer = setTimeout(() => finish(code, signal), 100)
      child.once('close', () => {
        clearTimeout(timer)
        finish(code, signal)
      })
    })
  })
  // A send to a child that has just died: its end is told by `ended`.
  child.on('error', () => {})
  return {
    process: child,
    ended,
    get alive() {
      return alive
    },
    kill,
    async endWithin(ms) {
      const timer = setTimeout(kill, ms)
      await ended
      clearTimeout(timer)
    },
  }
}

function forwardLines(stream: Readable | null, onLine: (line: string) => void): void {
  const decoder = new LineDecoder(maxLogLine, onLine, () => onLine('(a line of over 1 MiB was left out)'))
  stream?.on('data', (chunk: Buffer) => decoder.push(chunk))
  stream?.on('error', () => {})
}

/** "exit code 1", "signal SIGKILL": how a child ended, in words. */
export function describeEnd({ code, signal }: ChildEnd): string {
  if (signal !== null) return `signal ${signal}`
  return code === null ? 'it could not be started' : `exit code ${code}`
}
