import { createConnection } from 'node:net'
import type { Socket } from 'node:net'
import { KsiError, messageOf, systemCodeOf } from '../lib/errors.ts'
import { formatTarget } from './address.ts'
import type { Target } from './address.ts'

// Trying again does not help against these.
const permanent = new Set(['EACCES', 'EPERM'])

/**
 * Opens one connection.
 * @param limit `timeoutMs` for this one try
 * @throws KsiError KSI_UNREACHABLE; its details say whether the cause is `permanent`
 */
export function dial(target: Target, limit: { timeoutMs: number; signal: AbortSignal }): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(
      target.kind === 'unix' ? { path: target.path } : { host: target.host, port: target.port, noDelay: true },
    )
    const fail = (error: unknown): void => {
      settle()
      // A late error of a socket that was given up must not end the process.
      socket.on('error', () => {})
      socket.destroy()
      reject(unreachable(target, error))
    }
    const late = (): void => fail(new Error(`no connection within ${limit.timeoutMs} ms`))
    const aborted = (): void => fail(new Error('the client was closed'))
    const opened = (): void => {
      settle()
      // Half-open TCP connections (a host that vanished) are noticed within a minute or so.
      socket.setKeepAlive(true, 10_000)
      resolve(socket)
    }
    const timer = setTimeout(late, limit.timeoutMs)
    const settle = (): void => {
      clearTimeout(timer)
      socket.off('connect', opened)
      socket.off('error', fail)
      limit.signal.removeEventListener('abort', aborted)
    }
    socket.once('connect', opened)
    socket.once('error', fail)
    limit.signal.addEventListener('abort', aborted)
    if (limit.signal.aborted) aborted()
  })
}

/** True when another try can come to something. */
export function mayComeBack(error: unknown): boolean {
  return error instanceof KsiError && error.code === 'KSI_UNREACHABLE' && error.details?.['permanent'] !== true
}

function unreachable(target: Target, cause: unknown): KsiError {
  const code = systemCodeOf(cause)
  const why =
    code === 'ENOENT'
      ? 'there is no such socket'
      : code === 'ECONNREFUSED'
        ? 'connection refused'
        : (code ?? messageOf(cause))
  const advice =
    code !== undefined && permanent.has(code)
      ? 'Run this as the user the daemon runs as.'
      : 'Start it (`ksi start` or `npm run dev`), or name another address.'
  return new KsiError('KSI_UNREACHABLE', `No ksi answers at ${formatTarget(target)} (${why}). ${advice}`, {
    cause,
    details: { permanent: code !== undefined && permanent.has(code) },
  })
}
