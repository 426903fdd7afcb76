import { connect, createServer } from 'node:net'
import type { Server, Socket } from 'node:net'
import type { Settings } from '../contracts/settings.ts'
import { sleep } from '../lib/backoff.ts'
import { KsiError, messageOf, systemCodeOf } from '../lib/errors.ts'
import { portHolder } from '../lib/port-holder.ts'

interface DebugPortOptions {
  host: string
  port: number
  /** The port of this machine at which the live generation's inspector listens; undefined while none is live. */
  inspector: () => Promise<number | undefined>
}

/** A debugger waits so long, in ms, for a generation that is live. */
const patienceMs = 10_000
const lookMs = 50
/** One debugger has one connection, and asks over a few short ones before. */
const maxConnections = 16

/**
 * Opens it where one is asked for. Nobody is asked for a token there: so it is for this machine alone, or, in a
 * container, for those it is published to.
 * @throws KsiError KSI_PORT_IN_USE, KSI_CONFIG_INVALID
 */
export async function openDebugPort(
  { KSI_INSPECT_PORT: port, KSI_PUBLISHED: published, KSI_HOST }: Settings,
  inspector: DebugPortOptions['inspector'],
): Promise<DebugPort | undefined> {
  if (port === 0) return undefined
  return DebugPort.open({ host: published === undefined ? '127.0.0.1' : KSI_HOST, port, inspector })
}

/**
 * One address for debuggers, whichever generation is live: each connection is handed to the inspector of the one that
 * is live when it comes. Once another goes live, the connections are cut: a debugger that attaches again by itself
 * (`restart` in VS Code) finds the new code.
 */
export class DebugPort {
  readonly #o: DebugPortOptions
  readonly #server: Server
  readonly #clients = new Set<Socket>()
  readonly #inspectors = new Set<Socket>()

  private constructor(options: DebugPortOptions) {
    this.#o = options
    this.#server = createServer({ pauseOnConnect: true, noDelay: true }, (socket) => {
      // Whatever a generation has printed as its port.
      this.#relay(socket).catch(() => socket.destroy())
    })
    this.#server.maxConnections = maxConnections
  }

  /** @throws KsiError KSI_PORT_IN_USE, KSI_CONFIG_INVALID */
  static async open(options: DebugPortOptions): Promise<DebugPort> {
    const debug = new DebugPort(options)
    await new Promise<void>((resolve, reject) => {
      const { host, port } = options
      debug.#server.once('error', (error) => reject(explain(error, host, port)))
      debug.#server.listen({ host, port, exclusive: true }, resolve)
    })
    debug.#server.on('error', () => {})
    return debug
  }

  /** Where debuggers attach. */
  get address(): string {
    return `${this.#o.host}:${this.#o.port}`
  }

  /** Another generation is live now. Who still waits for one is not cut. */
  moveOn(): void {
    for (const inspector of this.#inspectors) inspector.destroy()
  }

  close(): void {
    this.#server.close()
    for (const client of this.#clients) client.destroy()
    this.moveOn()
  }

  async #relay(client: Socket): Promise<void> {
    keep(this.#clients, client)
    for (const limit = performance.now() + patienceMs; !client.destroyed; await sleep(lookMs)) {
      const inspector = await this.#dial()
      if (inspector !== undefined) return join(client, inspector)
      // One that has just died is taken for live for a moment, and the next one is not live yet.
      if (performance.now() > limit) client.destroy()
    }
  }

  async #dial(): Promise<Socket | undefined> {
    const port = await this.#o.inspector()
    if (port === undefined) return undefined
    const inspector = connect({ host: '127.0.0.1', port, noDelay: true })
    keep(this.#inspectors, inspector)
    return new Promise((resolve) => {
      inspector.once('connect', () => resolve(inspector))
      inspector.once('close', () => resolve(undefined))
    })
  }
}

function keep(sockets: Set<Socket>, socket: Socket): void {
  sockets.add(socket)
  socket.on('error', () => {})
  socket.on('close', () => sockets.delete(socket))
}

function join(client: Socket, inspector: Socket): void {
  client.on('close', () => inspector.destroy())
  inspector.on('close', () => client.destroy())
  if (client.destroyed || inspector.destroyed) {
    client.destroy()
    inspector.destroy()
  } else client.pipe(inspector).pipe(client)
}

function explain(error: unknown, host: string, port: number): KsiError {
  const holder = portHolder(port)
  const by = holder === undefined ? '' : ` by ${holder.name} (pid ${holder.pid})`
  return systemCodeOf(error) === 'EADDRINUSE'
    ? new KsiError(
        'KSI_PORT_IN_USE',
        `Port ${port} on ${host}, where debuggers attach, is in use${by}. ` +
          'Stop what uses it, or set KSI_INSPECT_PORT to a free one.',
        { cause: error },
      )
    : new KsiError(
        'KSI_CONFIG_INVALID',
        `Cannot listen on ${host}:${port} for debuggers: ${messageOf(error)}. Correct KSI_INSPECT_PORT.`,
        { cause: error },
      )
}
