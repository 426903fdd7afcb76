import { lstatSync, mkdirSync, rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import type { ListenOptions, Server, Socket } from 'node:net'
import { dirname } from 'node:path'
import type { ConnectionInfo } from '../../contracts/relay.ts'
import { KsiError, messageOf, systemCodeOf } from '../../lib/errors.ts'
import type { Log } from '../../lib/log.ts'
import { portHolder } from '../../lib/port-holder.ts'
import { keepSocketFile } from '../../lib/socket-file.ts'
import { checkSocketPath } from '../../lib/socket-path.ts'

/** Sockets beyond the limit are told so before they are closed; of those, too, there is a limit. */
const refusedAtOnce = 64

export interface Listeners {
  readonly tcpPort: number
  /** Takes no more connections and removes the socket file; resolves when all connections are closed. */
  close(): Promise<void>
}

export interface ListenersOptions {
  socketPath: string
  host: string
  /** 0: any free port */
  port: number
  maxConnections: number
  log: Log
  onSocket: (socket: Socket, transport: ConnectionInfo['transport']) => void
}

/**
 * Opens the Unix socket (mode 0600) and the TCP port.
 * @throws KsiError KSI_INSTANCE_RUNNING, KSI_PORT_IN_USE, KSI_SOCKET_PATH_TOO_LONG, KSI_CONFIG_INVALID
 */
export async function openListeners(options: ListenersOptions): Promise<Listeners> {
  const { socketPath, host, port, maxConnections } = options
  checkSocketPath(socketPath)
  const stale = await isStale(socketPath)
  const tcp = serve(options, 'tcp')
  // The port first: only one of two supervisors that start at once gets it, and only that one removes a socket file.
  await listen(tcp, { host, port, exclusive: true, backlog: maxConnections }).catch((error: unknown) =>
    Promise.reject(tcpError(error, host, port)),
  )
  const unix = serve(options, 'unix')
  try {
    mkdirSync(dirname(socketPath), { recursive: true })
    if (stale) rmSync(socketPath, { force: true })
    await listenPrivately(unix, { path: socketPath, backlog: maxConnections })
    keepSocketFile(unix, socketPath, () => {
      mkdirSync(dirname(socketPath), { recursive: true })
      return listenPrivately(unix, { path: socketPath, backlog: maxConnections })
    })
  } catch (error) {
    tcp.close()
    throw new KsiError(
      'KSI_CONFIG_INVALID',
      `Cannot make the socket ${socketPath}: ${messageOf(error)}. ` +
        'Its folder must be writable, on a file system that can hold sockets.',
      {
        cause: error,
      },
    )
  }
  const address = tcp.address()
  const tcpPort = typeof address === 'object' && address !== null ? address.port : port
  let closing: Promise<void> | undefined
  return { tcpPort, close: () => (closing ??= Promise.all([closed(unix), closed(tcp)]).then(() => undefined)) }
}

function serve(options: ListenersOptions, transport: ConnectionInfo['transport']): Server {
  const server = createServer({ allowHalfOpen: true, noDelay: true, keepAlive: true }, (socket) =>
    options.onSocket(socket, transport),
  )
  server.maxConnections = options.maxConnections + refusedAtOnce
  server.on('error', (error) => {
    // Whoever starts it is told why it cannot listen; that need not be said twice.
    if (server.listening) options.log.error({ transport, error: messageOf(error) }, 'listener failed')
  })
  return server
}

/**
 * `backlog`: all may come in one instant; with Node's own 511 the next one would be refused. The system has the last
 * word.
 */
function listen(server: Server, where: ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(where, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

/**
 * A path is bound within the call of listen(), so the file never has a wider mode than 0600, not even for an instant.
 */
function listenPrivately(server: Server, where: ListenOptions): Promise<void> {
  const before = process.umask(0o177)
  try {
    return listen(server, where)
  } finally {
    process.umask(before)
  }
}

/** True for a socket file nobody listens to any more. */
async function isStale(path: string): Promise<boolean> {
  const stats = lstatSync(path, { throwIfNoEntry: false })
  if (stats === undefined) return false
  if (!stats.isSocket())
    throw new KsiError('KSI_CONFIG_INVALID', `${path} is in the way: it is not a socket. Move it away and start again.`)
  const code = await connectCode(path)
  if (code === 'ECONNREFUSED' || code === 'ENOENT') return true
  const why = code === undefined ? 'answers there' : `seems to be there (${code})`
  throw new KsiError(
    'KSI_INSTANCE_RUNNING',
    `A daemon ${why}: ${path}. Stop it first, or start this one with another KSI_ROOT.`,
  )
}

/** The system's error code of connecting to `path`; undefined when somebody answers. */
function connectCode(path: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect(path, () => {
      socket.destroy()
      resolve(undefined)
    })
    socket.once('error', (error) => resolve(systemCodeOf(error) ?? 'unknown'))
  })
}

function tcpError(error: unknown, host: string, port: number): KsiError {
  if (systemCodeOf(error) === 'EADDRINUSE') {
    const holder = portHolder(port)
    const by = holder === undefined ? '' : ` by ${holder.name} (pid ${holder.pid})`
    return new KsiError(
      'KSI_PORT_IN_USE',
      `Port ${port} on ${host} is in use${by}. Stop what uses it, or set KSI_PORT to a free port (0: any).`,
      { cause: error },
    )
  }
  return new KsiError(
    'KSI_CONFIG_INVALID',
    `Cannot listen on ${host}:${port}: ${messageOf(error)}. Correct KSI_HOST or KSI_PORT.`,
    { cause: error },
  )
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()))
}
