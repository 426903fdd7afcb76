import { join } from 'node:path'
import { KsiError } from '../lib/errors.ts'
import { checkSocketPath } from '../lib/socket-path.ts'

/** Where a daemon listens. */
export type Target =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }

/** The Unix socket of the ksi under `root`. */
export function socketPathUnder(root: string): string {
  return join(root, 'var/run/daemon.sock')
}

/**
 * Reads `unix:/path`, `tcp://host:port`, a bare path (it has a slash or ends in `.sock`) or `host:port`.
 * @throws KsiError KSI_BAD_REQUEST, KSI_SOCKET_PATH_TOO_LONG
 */
export function readAddress(address: string): Target {
  if (address.startsWith('unix:')) return unixTarget(address.slice('unix:'.length).replace(/^\/\/(?=\/)/, ''))
  const tcp = /^(?:tcp:\/\/)?(\[[0-9a-fA-F:.]+\]|[^/:\s]+):(\d{1,5})\/?$/.exec(address)
  if (tcp !== null) return tcpTarget(address, tcp[1] ?? '', Number(tcp[2]))
  if (!address.includes('://') && (address.includes('/') || address.endsWith('.sock'))) return unixTarget(address)
  throw badAddress(address)
}

/** The address in the form `readAddress` takes. */
export function formatTarget(target: Target): string {
  if (target.kind === 'unix') return `unix:${target.path}`
  return `tcp://${target.host.includes(':') ? `[${target.host}]` : target.host}:${target.port}`
}

function unixTarget(path: string): Target {
  if (path === '') throw badAddress('unix:')
  checkSocketPath(path)
  return { kind: 'unix', path }
}

function tcpTarget(address: string, host: string, port: number): Target {
  if (port < 1 || port > 65_535) throw badAddress(address)
  return { kind: 'tcp', host: host.replace(/^\[|\]$/g, ''), port }
}

function badAddress(address: string): KsiError {
  return new KsiError(
    'KSI_BAD_REQUEST',
    `"${address}" is no address: say unix:/path/to/daemon.sock, a path, tcp://host:port or host:port.`,
  )
}
