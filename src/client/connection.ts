import type { Socket } from 'node:net'
import { backoffMs, sleep } from '../lib/backoff.ts'
import { KsiError } from '../lib/errors.ts'
import { LineDecoder, parseObject } from '../lib/ndjson.ts'
import { newUuid } from '../lib/uuid.ts'
import type { EventInput, EventName } from '../contracts/events.ts'
import type { WirePush } from '../contracts/wire.ts'
import { formatTarget } from './address.ts'
import type { Target } from './address.ts'
import { dial, mayComeBack } from './dial.ts'
import { isPush, requestLine } from './lines.ts'
import { PendingRequests } from './pending.ts'
import { errorOfReply, isRestarting, noReplyError } from './reply-errors.ts'

/** What an event takes: typed for the events of ksi itself, any object for others. */
export type InputOf<E extends string> = E extends EventName ? EventInput<E> : Record<string, unknown>

export type ConnectionState = 'connected' | 'reconnecting' | 'closed'

/** What a connection has to say that nobody asked for; a pino logger is one. */
export type ClientLog = Record<'debug' | 'warn' | 'error', (details: object, message: string) => void>

/** How a connection is made, and who hears of it. */
export interface ConnectionOptions {
  target: Target
  token?: string | undefined
  clientId?: string | undefined
  reconnect: boolean
  log?: ClientLog | undefined
  /** A pushed line, with its size in bytes. */
  onPush?: (push: WirePush, bytes: number) => void
  /** `error` says why, when the state is `closed` and it was not closed by the user. */
  onState?: (state: ConnectionState, error?: KsiError) => void
}

const maxLineBytes = 64 * 1024 * 1024
const dialTimeoutMs = 5_000
// A connection that held this long was a real one, also if nothing was said on it.
const settledMs = 1_000
const backoff = { baseMs: 20, maxMs: 2_000 }

/**
 * One connection to a daemon that is made again when it is lost. Requests that have no reply yet are then sent again
 * under the same `_event_id`: the daemon runs an `_event_id` once, so that is safe.
 */
export class DaemonConnection {
  readonly #options: ConnectionOptions
  readonly #pending = new PendingRequests()
  readonly #stop = new AbortController()
  #socket: Socket | undefined
  #unsaidToken: string | undefined
  #closedBy: KsiError | undefined
  /**
   * Tries since the daemon last said something; a mere accept does not count: Docker's port proxy accepts for a dead
   * container.
   */
  #tries = 0
  #restartingReplies = 0
  #resend: NodeJS.Timeout | undefined
  #flushing = false

  constructor(options: ConnectionOptions) {
    this.#options = options
  }

  get connected(): boolean {
    return this.#socket !== undefined
  }

  get closed(): boolean {
    return this.#closedBy !== undefined
  }

  /**
   * Connects, trying again for `limitMs` (0: one try), and from then on keeps connected until `close`.
   * @throws KsiError KSI_UNREACHABLE
   */
  async start(limitMs: number): Promise<void> {
    const giveUpAt = performance.now() + limitMs
    const socket = await this.#dial((error) => !mayComeBack(error) || performance.now() >= giveUpAt)
    void this.#keep(socket)
  }

  /**
   * Sends a request and resolves to the `data` of its reply.
   * @throws KsiError of the reply, KSI_TIMEOUT, KSI_UNREACHABLE, KSI_QUEUE_FULL; or the signal's reason
   */
  request<E extends string>(
    event: E,
    data: InputOf<E>,
    limits: { timeoutMs: number; signal?: AbortSignal | undefined },
  ): Promise<unknown> {
    if (this.#closedBy !== undefined) return Promise.reject(this.#closedBy)
    // Unique everywhere, so it serves for both.
    const id = newUuid()
    const line = requestLine({ id, event, data, clientId: this.#options.clientId })
    const reply = this.#pending.add({
      id,
      event,
      line,
      ...limits,
      timeoutError: () =>
        noReplyError(event, limits.timeoutMs, { where: formatTarget(this.#options.target), connected: this.connected }),
    })
    this.#flushSoon()
    return reply
  }

  /** Reads nothing more until `resume`. */
  pause(): void {
    this.#socket?.pause()
  }

  resume(): void {
    this.#socket?.resume()
  }

  /** Ends the connection for good; what waits for a reply fails with `error`. */
  close(error = new KsiError('KSI_UNREACHABLE', 'The client was closed. Connect again.')): void {
    if (this.#closedBy !== undefined) return
    this.#closedBy = error
    clearTimeout(this.#resend)
    this.#stop.abort()
    this.#socket?.destroy()
    this.#socket = undefined
    this.#pending.failAll(error)
    this.#options.onState?.('closed', error)
  }

  async #dial(giveUp: (error: unknown) => boolean): Promise<Socket> {
    for (;;) {
      this.#tries++
      try {
        return await dial(this.#options.target, { timeoutMs: dialTimeoutMs, signal: this.#stop.signal })
      } catch (error) {
        if (this.#closedBy !== undefined || giveUp(error)) throw error
        await sleep(backoffMs(this.#tries, backoff), this.#stop.signal)
      }
    }
  }

  async #keep(first: Socket): Promise<void> {
    let socket = first
    for (;;) {
      if (this.#closedBy !== undefined) return void socket.destroy()
      await this.#use(socket)
      if (this.#closedBy !== undefined) return
      if (!this.#options.reconnect)
        return this.close(
          new KsiError(
            'KSI_UNREACHABLE',
            `The connection to ${formatTarget(this.#options.target)} was lost. Try again.`,
          ),
        )
      this.#options.onState?.('reconnecting')
      if (this.#tries > 1) await sleep(backoffMs(this.#tries, backoff), this.#stop.signal)
      try {
        socket = await this.#dial((error) => !mayComeBack(error))
      } catch (error) {
        return this.close(error instanceof KsiError ? error : undefined)
      }
    }
  }

  /** Works with a socket until it is closed. */
  async #use(socket: Socket): Promise<void> {
    const decoder = new LineDecoder(
      maxLineBytes,
      (line, bytes) => this.#onLine(line, bytes),
      () => this.#options.log?.error({ maxLineBytes }, 'a line of the daemon was too long and is lost'),
    )
    const openedAt = performance.now()
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
    socket.on('data', (chunk: Buffer) => decoder.push(chunk))
    socket.on('error', (error) => this.#options.log?.debug({ err: error }, 'connection error'))
    this.#socket = socket
    this.#unsaidToken = this.#options.target.kind === 'tcp' ? this.#options.token : undefined
    this.#pending.allUnsent()
    this.#flushSoon()
    this.#options.onState?.('connected')
    await closed
    this.#socket = undefined
    if (performance.now() - openedAt > settledMs) this.#tries = 0
  }

  #flushSoon(): void {
    if (this.#flushing) return
    this.#flushing = true
    // One write for all that is asked in this turn of the event loop.
    process.nextTick(() => {
      this.#flushing = false
      if (this.#socket === undefined || this.#resend !== undefined) return
      const lines = this.#pending.takeUnsent()
      const [first] = lines
      if (first === undefined) return
      if (this.#unsaidToken !== undefined) {
        // Before it has seen the token the daemon takes 4 KB; what is longer comes after it.
        if (first.length > 2_000) lines.unshift(JSON.stringify({ event: 'system:health', _token: this.#unsaidToken }))
        else lines[0] = JSON.stringify({ ...parseObject(first), _token: this.#unsaidToken })
        this.#unsaidToken = undefined
      }
      this.#socket.write(`${lines.join('\n')}\n`)
    })
  }

  #onLine(line: string, bytes: number): void {
    const message = parseObject(line)
    if (message === undefined)
      return this.#options.log?.warn({ bytes }, 'the daemon sent a line that is no JSON object')
    const id = message['correlation_id']
    if (typeof id === 'string') this.#onReply(id, message)
    else if (typeof message['error'] === 'string') this.#onRefusal(message)
    else if (isPush(message)) this.#onPush(message, bytes)
  }

  #onReply(id: string, message: Record<string, unknown>): void {
    this.#tries = 0
    if (this.#options.reconnect && isRestarting(message)) return this.#sendAgainLater(id)
    this.#restartingReplies = 0
    const error = errorOfReply(message)
    if (error?.code === 'KSI_UNAUTHORIZED') this.close(error)
    else if (error === undefined) this.#pending.resolve(id, message['data'])
    else this.#pending.reject(id, error)
  }

  /** An error that belongs to no request is about the connection; the daemon closes it after this. */
  #onRefusal(message: Record<string, unknown>): void {
    const error = errorOfReply(message)
    this.#options.log?.warn({ code: error?.code }, `the daemon refuses the connection: ${error?.message}`)
    if (error?.code === 'KSI_UNAUTHORIZED') this.close(error)
  }

  #onPush(push: WirePush, bytes: number): void {
    this.#tries = 0
    if (push.event !== 'system:shutdown_notification') return this.#options.onPush?.(push, bytes)
    this.#options.log?.debug({}, 'the daemon shuts down')
  }

  #sendAgainLater(id: string): void {
    if (!this.#pending.markUnsent(id)) return
    this.#resend ??= setTimeout(
      () => {
        this.#resend = undefined
        this.#flushSoon()
      },
      backoffMs(++this.#restartingReplies, backoff),
    )
  }
}
