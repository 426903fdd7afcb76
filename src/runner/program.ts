import { spawn } from 'node:child_process'
import type { ChildProcessWithoutNullStreams } from 'node:child_process'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { sleep } from '../lib/backoff.ts'
import { signalGroup } from './orphans.ts'
import type { ChildRegister } from './orphans.ts'

/** A program to run to its end. */
export interface ProgramSpec {
  command: string
  args: string[]
  cwd: string
  env: Record<string, string>
  /** what the user wants kept from others; ksi's own is stricter */
  umask: number
  stdin: string
  /** When it aborts: SIGTERM to the whole process group, SIGKILL after `killAfterMs`. */
  signal: AbortSignal
  children: ChildRegister
  /** Gets what it writes; once it answers false that is too much, and the program is ended. */
  onStdout: (part: Buffer) => boolean
  maxStderrBytes: number
  killAfterMs?: number
}

export interface ProgramEnd {
  code: number | null
  signal: NodeJS.Signals | null
  /** The last part of it. */
  stderr: string
  /** It wrote too much and was ended for that. */
  tooMuch: boolean
}

/** How long output is waited for after the program's end, when something it left behind still holds the pipe. */
const lastOutputMs = 1_000

/**
 * Runs a program in a process group of its own, so that all it starts ends with it when the signal aborts.
 * @throws the system's own error when it cannot be started; the signal's reason when it was aborted
 */
export async function runProgram(spec: ProgramSpec): Promise<ProgramEnd> {
  spec.signal.throwIfAborted()
  const child = spawnWithUmask(spec)
  const { pid } = child
  if (pid === undefined) throw await spawnError(child)
  const strikeOut = spec.children.add(pid)
  let tooMuch = false
  child.stdout.on('data', (part: Buffer) => {
    if (tooMuch || spec.onStdout(part)) return
    tooMuch = true
    signalGroup(pid, 'SIGKILL')
  })
  const stderr = keepTail(child.stderr, spec.maxStderrBytes)
  // A program that does not read all of its input says why by its exit code, not by our EPIPE.
  child.stdin.on('error', () => {})
  child.stdin.end(spec.stdin)
  const terminated = terminateOn(spec.signal, pid, spec.killAfterMs ?? 2_000)
  try {
    const end = await endOf(child, spec.signal)
    return { ...end, stderr: stderr(), tooMuch }
  } finally {
    terminated.settle()
    strikeOut()
  }
}

/** spawn() has made the process by the time it returns, so nothing else of ours is done under this umask. */
function spawnWithUmask({ command, args, cwd, env, umask }: ProgramSpec): ChildProcessWithoutNullStreams {
  const before = process.umask(umask)
  try {
    return spawn(command, args, { cwd, env, detached: true, stdio: 'pipe' })
  } finally {
    process.umask(before)
  }
}

async function spawnError(child: ChildProcessWithoutNullStreams): Promise<unknown> {
  const [error]: unknown[] = await once(child, 'error')
  return error
}

/** Ends the group when the signal aborts; `settle` is to be called when the program itself has ended. */
function terminateOn(signal: AbortSignal, pid: number, killAfterMs: number): { settle: () => void } {
  let timer: NodeJS.Timeout | undefined
  const begin = (): void => {
    signalGroup(pid, 'SIGTERM')
    timer = setTimeout(signalGroup, killAfterMs, pid, 'SIGKILL')
  }
  if (signal.aborted) begin()
  else signal.addEventListener('abort', begin, { once: true })
  return {
    settle: () => {
      signal.removeEventListener('abort', begin)
      clearTimeout(timer)
      // What of the group has outlived the program is not waited for.
      if (signal.aborted) signalGroup(pid, 'SIGKILL')
    },
  }
}

/** Waits for exit and output. @throws the signal's reason when it was aborted, as soon as the program is gone */
async function endOf(
  child: ChildProcessWithoutNullStreams,
  signal: AbortSignal,
): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
  const closed = once(child, 'close')
  await once(child, 'exit')
  if (!signal.aborted) {
    const waiting = new AbortController()
    await Promise.race([closed.then(() => waiting.abort()), sleep(lastOutputMs, waiting.signal)])
  }
  child.stdout.destroy()
  child.stderr.destroy()
  signal.throwIfAborted()
  return { code: child.exitCode, signal: child.signalCode }
}

/** Keeps the last `maxBytes`. */
function keepTail(stream: Readable, maxBytes: number): () => string {
  let kept: Buffer = Buffer.alloc(0)
  stream.on('data', (part: Buffer) => {
    kept = Buffer.concat([kept, part]).subarray(-maxBytes)
  })
  return () => kept.toString('utf8')
}
