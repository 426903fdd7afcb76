import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, statSync } from 'node:fs'
import { constants } from 'node:os'
import { dirname, join } from 'node:path'
import { KsiError } from '../lib/errors.ts'
import { frugalMemory } from '../lib/frugal-memory.ts'
import type { Invocation } from './command.ts'

type Mode = 'dev' | 'production'

/**
 * The supervisor of the root, which runs the daemon of the same root: one checkout, one version. @throws KsiError
 * KSI_CONFIG_INVALID
 */
export function findSupervisor(root: string): string {
  const main = join(root, 'src/supervisor/main.ts')
  if (existsSync(main)) return main
  throw new KsiError(
    'KSI_CONFIG_INVALID',
    `There is no ksi in ${root} (no src/supervisor/main.ts). Run this in its folder, ` +
      'or name it with --root or KSI_ROOT.',
  )
}

/** Runs the supervisor in this terminal until it ends. @returns its exit code, 128 + n when signal n ended it */
export async function runInForeground({ place, env }: Invocation, mode: Mode): Promise<number> {
  // No 'ipc' here: a supervisor with an IPC channel would send nodemon's events up it (docs/containers.md, "nodemon").
  const child = spawn(process.execPath, [findSupervisor(place.root)], {
    stdio: 'inherit',
    env: { ...frugalMemory, ...env, KSI_ROOT: place.root, KSI_MODE: mode },
  })
  // Ctrl-C reaches the child from the terminal too: the supervisor ignores repeats, so passing it on harms nothing.
  const forward = (signal: NodeJS.Signals): void => void child.kill(signal === 'SIGHUP' ? 'SIGTERM' : signal)
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  for (const signal of signals) process.on(signal, forward)
  try {
    return await exitCodeOf(child)
  } finally {
    for (const signal of signals) process.off(signal, forward)
  }
}

/** A supervisor that was started in the background. */
export interface BackgroundSupervisor {
  pid: number | undefined
  /** Its exit code, once it has ended. */
  ended: Promise<number>
  /** What it has written into its log so far. */
  logged: () => string
  /** Lets this process end without it. */
  letGo: () => void
}

/** Starts the supervisor detached from this terminal, in production mode, its output appended to the log file. */
export function startInBackground({ place, env }: Invocation): BackgroundSupervisor {
  const main = findSupervisor(place.root)
  mkdirSync(dirname(place.logFile), { recursive: true, mode: 0o700 })
  const log = openSync(place.logFile, 'a', 0o600)
  const from = statSync(place.logFile).size
  const child = spawn(process.execPath, [main], {
    cwd: place.root,
    detached: true,
    stdio: ['ignore', log, log],
    // As `ksi logs` reads it.
    env: { ...frugalMemory, ...env, KSI_ROOT: place.root, KSI_MODE: 'production', KSI_LOG_FORMAT: 'json' },
  })
  closeSync(log)
  return {
    pid: child.pid,
    ended: exitCodeOf(child),
    logged: () => readFileSync(place.logFile).subarray(from).toString('utf8'),
    letGo: () => child.unref(),
  }
}

function exitCodeOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])))
  })
}
