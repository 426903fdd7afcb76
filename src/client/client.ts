import type { RequestStatus } from '../contracts/completion.ts'
import type { EventInput, EventName, EventReply } from '../contracts/events.ts'
import { newUuid } from '../lib/uuid.ts'
import { formatTarget, readAddress, socketPathUnder } from './address.ts'
import { DaemonConnection } from './connection.ts'
import type { ClientLog, ConnectionOptions, ConnectionState, InputOf } from './connection.ts'
import { errorOfData } from './reply-errors.ts'
import type { PushReader } from './push-reader.ts'
import { streamRequest } from './stream.ts'
import type { RequestStream, StreamOptions } from './stream.ts'
import { subscribe } from './subscription.ts'
import type { SubscribeOptions, Subscription } from './subscription.ts'
import { waitForOutcome } from './wait.ts'

export interface ConnectOptions {
  /** `unix:/path`, `tcp://host:port`, a bare path or `host:port`; default: the Unix socket under `root`. */
  address?: string | undefined
  /** The folder of the ksi; default: the current one. */
  root?: string | undefined
  /** What `ksi token` shows where the daemon runs; used on TCP. */
  token?: string | undefined
  /** Your name in listings. */
  clientId?: string | undefined
  /** Connect again when the connection is lost, and send again what has no reply; default true. */
  reconnect?: boolean
  /** Limit of one request, default 30,000. */
  timeoutMs?: number
  /** How long `connect` tries; default `timeoutMs`, or one try without `reconnect`. */
  connectTimeoutMs?: number
  /** Closes the client, also while it connects. */
  signal?: AbortSignal
  log?: ClientLog
  onState?: (state: ConnectionState) => void
}

export interface RequestOptions {
  timeoutMs?: number | undefined
  signal?: AbortSignal | undefined
  /** Resolve with the data also when it carries an `error`. */
  raw?: boolean
}

/** What an event replies: unknown for those that are not ksi's own. */
export type ReplyOf<E extends string> = E extends EventName ? EventReply<E> : unknown

const defaultTimeoutMs = 30_000
const defaultWaitMs = 3_600_000

/**
 * Connects to a daemon. The client stays usable over restarts of the daemon, and holds the process open until `close`.
 * @throws KsiError KSI_UNREACHABLE, KSI_BAD_REQUEST (the address), KSI_SOCKET_PATH_TOO_LONG; or the signal's reason
 */
export async function connect(options: ConnectOptions = {}): Promise<KsiClient> {
  const { token, clientId, log, signal, reconnect = true, timeoutMs = defaultTimeoutMs } = options
  signal?.throwIfAborted()
  const target = readAddress(options.address ?? `unix:${socketPathUnder(options.root ?? process.cwd())}`)
  const wire: ConnectionOptions = { target, token, clientId, log, reconnect }
  const main = new DaemonConnection({ ...wire, onState: (state) => options.onState?.(state) })
  const client = new KsiClient(main, wire, timeoutMs, signal)
  try {
    await main.start(options.connectTimeoutMs ?? (reconnect ? timeoutMs : 0))
    return client
  } catch (error) {
    await client.close()
    signal?.throwIfAborted()
    throw error
  }
}

/** A connection to a daemon: requests, completions and subscriptions. Made by `connect`. */
export class KsiClient implements AsyncDisposable {
  /** Where the daemon is, as `connect` takes it. */
  readonly address: string
  readonly #main: DaemonConnection
  readonly #wire: ConnectionOptions
  readonly #timeoutMs: number
  readonly #release: () => void
  readonly #others = new Set<{ close: () => void }>()

  constructor(main: DaemonConnection, wire: ConnectionOptions, timeoutMs: number, signal: AbortSignal | undefined) {
    this.address = formatTarget(wire.target)
    this.#main = main
    this.#wire = wire
    this.#timeoutMs = timeoutMs
    const abort = (): void => void this.close()
    signal?.addEventListener('abort', abort)
    this.#release = (): void => signal?.removeEventListener('abort', abort)
  }

  /**
   * Sends an event and resolves to the data of its reply. Sent again under the same `_event_id` when the connection is
   * lost or the daemon says it restarts; the daemon runs it once.
   * @throws KsiError of the reply (its data as `details`), KSI_TIMEOUT, KSI_UNREACHABLE; or the signal's reason
   */
  async request<E extends string>(event: E, data?: InputOf<E>, options: RequestOptions = {}): Promise<ReplyOf<E>> {
    const { timeoutMs = this.#timeoutMs, signal, raw = false } = options
    const reply = await this.#main.request<string>(event, data ?? {}, { timeoutMs, signal })
    const error = raw ? undefined : errorOfData(reply)
    if (error !== undefined) throw error
    return reply as ReplyOf<E>
  }

  /**
   * Submits a completion and waits for its outcome, over restarts. A failed or cancelled one is an outcome, not an
   * error.
   * @param data as `completion:async` takes it; with a `request_id` of its own when none is given
   * @param options `timeoutMs` for the whole, default an hour
   * @throws KsiError as `request`; KSI_TIMEOUT when there is no outcome in time (the request goes on)
   */
  async complete(
    data: EventInput<'completion:async'>,
    options: { timeoutMs?: number; signal?: AbortSignal } = {},
  ): Promise<RequestStatus> {
    const { timeoutMs = defaultWaitMs, signal } = options
    const startedAt = performance.now()
    const requestId = data.request_id ?? newUuid()
    await this.request('completion:async', { ...data, request_id: requestId }, { timeoutMs, signal })
    return this.wait(requestId, {
      timeoutMs: Math.max(1, Math.round(timeoutMs - (performance.now() - startedAt))),
      signal,
    })
  }

  /**
   * Waits for the outcome of a request, over restarts.
   * @param options `timeoutMs` default an hour
   * @throws KsiError KSI_TIMEOUT, KSI_NOT_FOUND; or the signal's reason
   */
  async wait(
    requestId: string,
    options: { timeoutMs?: number; signal?: AbortSignal | undefined } = {},
  ): Promise<RequestStatus> {
    const { timeoutMs = defaultWaitMs, signal } = options
    // A connection of its own: replies come in the order of requests, so others would have to wait too.
    const connection = new DaemonConnection(this.#wire)
    this.#others.add(connection)
    try {
      return await waitForOutcome(connection, requestId, { timeoutMs, signal, patient: this.#wire.reconnect })
    } finally {
      this.#others.delete(connection)
      connection.close()
    }
  }

  /** Follows events: `for await (const push of client.subscribe({ patterns: ['completion:*'] }))`. */
  subscribe(options: SubscribeOptions = {}): Subscription {
    return this.#keep((onEnd) => subscribe(options, { wire: this.#wire, timeoutMs: this.#timeoutMs, onEnd }))
  }

  /**
   * Follows a request's output: `for await (const { event, data } of client.stream(id))`. Goes on at its place when the
   * connection is lost; the last piece, `completion:stream_end`, is the outcome.
   */
  stream(requestId: string, options: StreamOptions = {}): RequestStream {
    return this.#keep((onEnd) => {
      const reader = { wire: this.#wire, timeoutMs: this.#timeoutMs, onEnd }
      return streamRequest(requestId, options, reader)
    })
  }

  #keep<T>(open: (onEnd: () => void) => PushReader<T>): PushReader<T> {
    const reader: PushReader<T> = open(() => void this.#others.delete(reader))
    this.#others.add(reader)
    return reader
  }

  /** Closes the client with its subscriptions; requests without a reply fail. */
  close(): Promise<void> {
    this.#release()
    for (const other of this.#others) other.close()
    this.#main.close()
    return Promise.resolve()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
