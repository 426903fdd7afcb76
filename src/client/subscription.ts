import type { WirePush } from '../contracts/wire.ts'
import { KsiError } from '../lib/errors.ts'
import { isObject } from '../lib/ndjson.ts'
import { DaemonConnection } from './connection.ts'
import type { ConnectionOptions, ConnectionState } from './connection.ts'
import { errorOfData } from './reply-errors.ts'

export interface SubscribeOptions {
  /** Shell patterns of event names; default `['*']`. */
  patterns?: readonly string[]
  /** The last seq you have seen: first come all that are kept after it. Without it, only what happens from now on. */
  since?: number
  signal?: AbortSignal
}

// Past either of these the socket is not read until the reader has taken half of it.
const maxUnread = 1_000
const maxUnreadBytes = 16 * 1024 * 1024

/**
 * Pushed events, in order, each once, also over restarts of the daemon. Read it with `for await`; leaving the loop or
 * `close()` ends it. It has a connection of its own, which is not read while too much waits here unread.
 */
export class Subscription implements AsyncIterableIterator<WirePush, undefined>, AsyncDisposable {
  /** Resolves when the daemon has confirmed: from then on nothing is missed. */
  readonly ready: Promise<void>
  readonly #patterns: readonly string[]
  readonly #connection: DaemonConnection
  readonly #timeoutMs: number
  readonly #release: () => void
  #unread: { push: WirePush; bytes: number }[] = []
  #unreadBytes = 0
  #paused = false
  #readers: { resolve: (result: IteratorResult<WirePush, undefined>) => void; reject: (error: unknown) => void }[] = []
  #last: number | undefined
  #subscribing = false
  #ended: { error?: unknown } | undefined
  #confirm: { resolve: () => void; reject: (error: unknown) => void } = { resolve: () => {}, reject: () => {} }

  constructor(options: SubscribeOptions, client: { wire: ConnectionOptions; timeoutMs: number; onEnd: () => void }) {
    // Not Promise.withResolvers: programs that use the client may run on Node 20.
    this.ready = new Promise((resolve, reject) => (this.#confirm = { resolve, reject }))
    // Who iterates without waiting for `ready` hears of the error there.
    this.ready.catch(() => {})
    this.#patterns = options.patterns ?? ['*']
    this.#last = options.since
    this.#timeoutMs = client.timeoutMs
    const onPush = (push: WirePush, bytes: number): void => this.#take(push, bytes)
    const onState = (state: ConnectionState, error?: KsiError): void => {
      if (state === 'connected') void this.#subscribe()
      if (state === 'closed') this.#end({ error })
    }
    this.#connection = new DaemonConnection({ ...client.wire, onPush, onState })
    const abort = (): void => this.#end({ error: options.signal?.reason })
    options.signal?.addEventListener('abort', abort)
    this.#release = (): void => {
      options.signal?.removeEventListener('abort', abort)
      // Not within the constructor: whoever made this has no name for it yet.
      queueMicrotask(client.onEnd)
    }
    this.#connection.start(client.wire.reconnect ? Infinity : 0).catch((error: unknown) => this.#end({ error }))
    if (options.signal?.aborted) abort()
  }

  /** @throws what ended the subscription, once all that came before it has been read */
  next(): Promise<IteratorResult<WirePush, undefined>> {
    const first = this.#unread.shift()
    if (first !== undefined) {
      this.#unreadBytes -= first.bytes
      this.#resumeWhenRead()
      return Promise.resolve({ done: false, value: first.push })
    }
    if (this.#ended === undefined) return new Promise((resolve, reject) => this.#readers.push({ resolve, reject }))
    return this.#ended.error === undefined
      ? Promise.resolve({ done: true, value: undefined })
      : Promise.reject(this.#ended.error)
  }

  return(): Promise<IteratorResult<WirePush, undefined>> {
    this.close()
    return Promise.resolve({ done: true, value: undefined })
  }

  /** Ends the subscription; what is unread is dropped. */
  close(): void {
    this.#unread = []
    this.#end({})
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close()
  }

  async #subscribe(): Promise<void> {
    // A subscribe that waits for its reply is sent again by the connection; its older `since` costs only repeats,
    // dropped below.
    if (this.#subscribing) return
    this.#subscribing = true
    const since = this.#last
    try {
      const data = { event_patterns: [...this.#patterns], ...(since === undefined ? {} : { since }) }
      const reply = await this.#connection.request('monitor:subscribe', data, { timeoutMs: this.#timeoutMs })
      const error = errorOfData(reply)
      if (error !== undefined) throw error
      this.#subscribing = false
      this.#onConfirmed(reply, since)
    } catch (error) {
      this.#subscribing = false
      if (!mayTryAgain(error)) this.#end({ error })
      else if (this.#connection.connected) void this.#subscribe()
    }
  }

  #onConfirmed(reply: unknown, since: number | undefined): void {
    const lastSeq = isObject(reply) && typeof reply['last_seq'] === 'number' ? reply['last_seq'] : undefined
    if (lastSeq !== undefined && since !== undefined && lastSeq < since) {
      // The journal began anew (it was put aside, or KSI_CHECKPOINT is off): all it has is new to us.
      this.#last = 0
      void this.#subscribe()
      return
    }
    // So that a connection lost before the first push misses nothing either.
    this.#last ??= lastSeq
    this.#confirm.resolve()
  }

  #take(push: WirePush, bytes: number): void {
    if (this.#ended !== undefined) return
    if (Number.isInteger(push.seq) && push.event !== 'monitor:gap') {
      if (this.#last !== undefined && push.seq <= this.#last) return
      this.#last = push.seq
    }
    const reader = this.#readers.shift()
    if (reader !== undefined) return reader.resolve({ done: false, value: push })
    this.#unread.push({ push, bytes })
    this.#unreadBytes += bytes
    if (this.#unread.length <= maxUnread && this.#unreadBytes <= maxUnreadBytes) return
    this.#paused = true
    this.#connection.pause()
  }

  #resumeWhenRead(): void {
    if (!this.#paused || this.#unread.length > maxUnread / 2 || this.#unreadBytes > maxUnreadBytes / 2) return
    this.#paused = false
    this.#connection.resume()
  }

  #end(end: { error?: unknown }): void {
    if (this.#ended !== undefined) return
    this.#ended = end
    this.#release()
    this.#connection.close()
    this.#confirm.reject(
      end.error ?? new KsiError('KSI_UNREACHABLE', 'The subscription was closed before the daemon confirmed it.'),
    )
    for (const reader of this.#readers.splice(0)) {
      if (end.error === undefined) reader.resolve({ done: true, value: undefined })
      else reader.reject(end.error)
    }
  }
}

function mayTryAgain(error: unknown): boolean {
  return error instanceof KsiError && (error.code === 'KSI_TIMEOUT' || error.code === 'KSI_UNREACHABLE')
}
