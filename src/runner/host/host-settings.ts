import { join } from 'node:path'
import { hostNumbers } from '../../contracts/host-numbers.ts'

/** What the runner host has to know. */
export interface HostSettings {
  root: string
  runDir: string
  socket: string
  /** whose journal the runs belong to; null where it is started by nobody */
  owner: string | null
  /** It has a container of its own, so it is nobody's child and prints what is printed. */
  alone: boolean
  spare: boolean
  logLevel: string
  /** ms */
  bootMs: number
  heartbeatMs: number
  drainMs: number
  lingerMs: number
}

/**
 * Reads by hand what the host needs of contracts/settings.ts, whose library it does not load.
 * @throws Error naming what is missing or wrong
 */
export function readHostSettings(env: NodeJS.ProcessEnv): HostSettings {
  const root = env['KSI_ROOT']
  if (root === undefined || root === '') throw new Error('KSI_ROOT is not set')
  const runDir = join(root, 'var/run')
  return {
    root,
    runDir,
    socket: join(runDir, 'runner/host.sock'),
    owner: env['KSI_RUNNER_OWNER'] ?? null,
    alone: env['KSI_RUNNER'] === 'elsewhere',
    spare: !/^(0|false|no|off)$/i.test(env['KSI_SPARE'] ?? ''),
    logLevel: env['KSI_LOG_LEVEL'] || 'info',
    bootMs: numberOf(env, 'KSI_BOOT_TIMEOUT_MS'),
    heartbeatMs: numberOf(env, 'KSI_HEARTBEAT_MS'),
    drainMs: numberOf(env, 'KSI_DRAIN_MS'),
    lingerMs: numberOf(env, 'KSI_RUNNER_LINGER_MS'),
  }
}

function numberOf(env: NodeJS.ProcessEnv, name: keyof typeof hostNumbers): number {
  const [fallback, least, most] = hostNumbers[name]
  const text = env[name] ?? ''
  const value = text === '' ? fallback : Number(text)
  if (Number.isInteger(value) && value >= least && value <= most) return value
  throw new Error(`${name} is ${text}: say a whole number from ${least} to ${most}`)
}

/** Whether two environments are the same. */
export function isSame(one: Readonly<Record<string, string>>, other: NodeJS.ProcessEnv): boolean {
  const names = new Set([...Object.keys(one), ...Object.keys(other)])
  return [...names].every((name) => one[name] === other[name])
}
