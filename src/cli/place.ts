import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { socketPathUnder } from '../client/address.ts'

/** Where a ksi is: its files, and how to reach it. */
export interface Place {
  root: string
  /** What `connect` takes. */
  address: string
  /** It was not named, but is that of the root: the ksi may also be reached at a port, its own or one of Docker's. */
  byRoot: boolean
  /** This is a container of its Compose project: perhaps another one than that in which it runs. */
  inCompose: boolean
  /** The port that was set for it. */
  port: string | undefined
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
  return Boolean(env['KSI_TOKEN'] || env['KSI_TOKEN_FILE']) || (env['KSI_PUBLISHED'] ?? '') === ''
}

/** What a checkout of ksi has. */
const mark = 'src/supervisor/main.ts'

/** The folder of the ksi a command is about: as said, or the nearest checkout upward from `from`, or else that. */
export function findRoot(given: string | undefined, env: NodeJS.ProcessEnv, from: string): string {
  const said = given || env['KSI_ROOT']
  if (said) return resolve(from, said)
  for (let folder = resolve(from); ; folder = dirname(folder)) {
    if (existsSync(join(folder, mark))) return folder
    if (folder === dirname(folder)) return resolve(from)
  }
}

/**
 * Where the ksi of a root is: options first, then KSI_DAEMON_ADDRESS and KSI_TOKEN.
 * Not readSettings: that costs 60 ms (zod), which a health check every few seconds should not pay.
 */
export function findPlace(
  options: { root?: string | undefined; address?: string | undefined; socket?: string | undefined },
  env: NodeJS.ProcessEnv,
  from = process.cwd(),
): Place {
  const root = findRoot(options.root, env, from)
  const named = options.address ?? (options.socket === undefined ? undefined : `unix:${options.socket}`)
  // A --root on the command line names a ksi: the address of another one, in the environment, is not meant then.
  const address = named ?? (options.root === undefined ? env['KSI_DAEMON_ADDRESS'] || undefined : undefined)
  return {
    root,
    address: address ?? `unix:${socketPathUnder(root)}`,
    byRoot: address === undefined,
    inCompose: (env['KSI_PUBLISHED'] ?? '') !== '',
    port: env['KSI_PORT'] || undefined,
    // Only what somebody has said: the token that is made is not shown to whoever listens at an address.
    token: env['KSI_TOKEN'] === 'auto' ? undefined : env['KSI_TOKEN'] || undefined,
    pidFile: join(root, 'var/run/ksi_daemon.pid'),
    logFile: join(root, 'var/logs/daemon.log'),
  }
}
