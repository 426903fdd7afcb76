import { join, resolve } from 'node:path'
import { socketPathUnder } from '../client/address.ts'

/** Where a ksi is: its files, and how to reach it. */
export interface Place {
  root: string
  /** What `connect` takes. */
  address: string
  token: string | undefined
  pidFile: string
  logFile: string
}

/** The token TCP asks for, under a root. */
export function tokenPath(root: string): string {
  return join(root, 'var/secret/token')
}

/** The token with which things can only be read, under a root. */
export function readingTokenPath(root: string): string {
  return join(root, 'var/reading/token')
}

/** Whether TCP asks for a token where this environment is that of the daemon. */
export function asksForToken(env: NodeJS.ProcessEnv): boolean {
  return (env['KSI_TOKEN'] ?? '') !== '' || (env['KSI_PUBLISHED'] ?? '') === ''
}

/**
 * Finds the ksi a command is about: options first, then KSI_ROOT, KSI_DAEMON_ADDRESS and KSI_TOKEN.
 * Not readSettings: that costs 60 ms (zod), which a health check every few seconds should not pay.
 */
export function findPlace(
  options: { root?: string | undefined; address?: string | undefined; socket?: string | undefined },
  env: NodeJS.ProcessEnv,
): Place {
  const root = resolve(options.root || env['KSI_ROOT'] || '.')
  const address = options.address ?? (options.socket === undefined ? undefined : `unix:${options.socket}`)
  // A --root on the command line names a ksi: the address of another one, in the environment, is not meant then.
  const fromEnv = options.root === undefined ? env['KSI_DAEMON_ADDRESS'] : undefined
  return {
    root,
    address: address ?? (fromEnv || `unix:${socketPathUnder(root)}`),
    // Only what somebody has said: the token that is made is not shown to whoever listens at an address.
    token: env['KSI_TOKEN'] === 'auto' ? undefined : env['KSI_TOKEN'] || undefined,
    pidFile: join(root, 'var/run/ksi_daemon.pid'),
    logFile: join(root, 'var/logs/daemon.log'),
  }
}
