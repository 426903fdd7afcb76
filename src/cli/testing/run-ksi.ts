import { spawn } from 'node:child_process'
import type { ChildProcessWithoutNullStreams } from 'node:child_process'
import { join } from 'node:path'

const ksi = join(import.meta.dirname, '../ksi.js')

export interface Ended {
  code: number | null
  stdout: string
  stderr: string
  ms: number
}

export interface RunOptions {
  env?: Record<string, string>
  cwd?: string
  input?: string
  /** Another ksi.js, or another Node. */
  program?: string
  node?: string
}

/** A ksi that was started; its output so far, and its end. */
export interface Running {
  child: ChildProcessWithoutNullStreams
  ended: Promise<Ended>
  /** Resolves when what was written to this stream so far matches. */
  until: (stream: 'stdout' | 'stderr', pattern: RegExp) => Promise<void>
}

/** Starts the real ksi.js as a process with an environment of its own. */
export function startKsi(args: readonly string[], options: RunOptions = {}): Running {
  const { env = {}, cwd, input = '', program = ksi, node = process.execPath } = options
  const startedAt = performance.now()
  const child = spawn(node, [program, ...args], { env, ...(cwd === undefined ? {} : { cwd }) })
  const written = { stdout: '', stderr: '' }
  const changed: (() => void)[] = []
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      written[name] += text
      for (const wake of changed.splice(0)) wake()
    })
  }
  // A command that does not read its input may have ended by now.
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  const ended = new Promise<Ended>((resolve) => {
    child.once('close', (code) => {
      resolve({ code, ...written, ms: performance.now() - startedAt })
      for (const wake of changed.splice(0)) wake()
    })
  })
  const until = async (stream: 'stdout' | 'stderr', pattern: RegExp): Promise<void> => {
    while (!pattern.test(written[stream])) {
      if (child.exitCode !== null) throw new Error(`ksi ended without ${pattern}: ${JSON.stringify(written)}`)
      await new Promise<void>((resolve) => changed.push(resolve))
    }
  }
  return { child, ended, until }
}

/** Runs ksi to its end. */
export function runKsi(args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  return startKsi(args, options).ended
}
