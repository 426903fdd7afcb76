import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { LineDecoder, parseObject } from '../lib/ndjson.ts'

const maxLineBytes = 1_048_576

/** How a supervisor is started: Node with its main, or whatever starts that. */
export interface SupervisorStart {
  command: string
  args: readonly string[]
  cwd: string
  env: NodeJS.ProcessEnv
  /** out of reach of the terminal's Ctrl-C */
  detached?: boolean
}

/** A supervisor that was started, and what it has written so far. */
export interface StartedSupervisor {
  process: ChildProcess
  /** lines that are JSON, parsed */
  log: Record<string, unknown>[]
  /** all of them */
  raw: string[]
  /** its exit code or the signal that ended it, once it has ended */
  exited: Promise<number | string | null>
}

/** Starts a supervisor and keeps what it writes. */
export function startSupervisor({ command, args, ...options }: SupervisorStart): StartedSupervisor {
  const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
  const started: StartedSupervisor = {
    process: child,
    log: [],
    raw: [],
    exited: once(child, 'exit').then(([code, signal]) => (code ?? signal) as number | string | null),
  }
  const decoder = new LineDecoder(maxLineBytes, (line) => {
    started.raw.push(line)
    const entry = parseObject(line)
    if (entry !== undefined) started.log.push(entry)
  })
  child.stdout.on('data', (chunk: Buffer) => decoder.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => started.raw.push(chunk.toString()))
  return started
}
