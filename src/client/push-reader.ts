import type { WirePush } from '../contracts/wire.ts'
import { KsiError } from '../lib/errors.ts'
import { DaemonConnection } from './connection.ts'
import type { ConnectionOptions, ConnectionState } from './connection.ts'

/** What a reader of pushes has from its client. */
export interface ReaderOf {
  wire: ConnectionOptions
  timeoutMs: number
  onEnd: () => void
}

/** What makes pushes of one kind. */
export interface PushSource<T> {
  /** Asks for them, on a connection that was just made; again if it was lost and made anew. @throws what ends it */
  ask: (request: (event: string, data: Record<string, unknown>) => Promise<unknown>) => Promise<void>
  /** What a push is to the reader; nothing where it is none, or has come before. `last`: no more comes after it. */
  take: (push: WirePush) => { value: T; last?: boolean } | undefined
}

// Past either of these the socket is not read until the reader has taken half of it.
const maxUnread = 1_000
const maxUnreadBytes = 16 * 1024 * 1024

type Result<T> = IteratorResult<T, undefined>

/**
 * What is pushed, in order, each once, also over restarts of the daemon. Read it with `for await`; leaving the loop or
 * `close()` ends it. It has a connection of its own, which is not read while too much waits here unread.
 */
export class PushReader<T> implements AsyncIterableIterator<T, undefined>, AsyncDisposable {
  /** Resolves when the daemon has confirmed: from then on nothing is missed. */
  readonly ready: Promise<void>
  readonly #source: PushSource<T>
  readonly #connection: DaemonConnection
  readonly #timeoutMs: number
  readonly #release: () => void
  #unread: { value: T; bytes: number }[] = []
  #unreadBytes = 0
  #paused = false
  #readers: { resolve: (result: Result<T>) => void; reject: (error: unknown) => void }[] = []
  #asking = false
  #ended: { error?: unknown } | undefined
  #confirm: { resolve: () => void; reject: (error: unknown) => void } = { resolve: () => {}, reject: () => {} }

  constructor(source: PushSource<T>, { wire, timeoutMs, onEnd }: ReaderOf, signal: AbortSignal | undefined) {
    // Not Promise.withResolvers: programs that use the client may run on Node 20.
    this.ready = new Promise((resolve, reject) => (this.#confirm = { resolve, reject }))
    // Who iterates without waiting for `ready` hears of the error there.
    this.ready.catch(() => {})
    this.#source = source
    this.#timeoutMs = timeoutMs
    const onPush = (push: WirePush, bytes: number): void => this.#take(push, bytes)
    const onState = (state: ConnectionState, error?: KsiError): void => {
      if (state === 'connected') void this.#ask()
      if (state === 'closed') this.#end({ error })
    }
    this.#connection = new DaemonConnection({ ...wire, onPush, onState })
    const abort = (): void => this.#end({ error: signal?.reason })
    signal?.addEventListener('abort', abort)
    this.#release = (): void => {
      signal?.removeEventListener('abort', abort)
      // Not within the constructor: whoever made this has no name for it yet.
      queueMicrotask(onEnd)
    }
    this.#connection.start(wire.reconnect ? Infinity : 0).catch((error: unknown) => this.#end({ error }))
    if (signal?.aborted) abort()
  }

  /** @throws what ended it, once all that came before it has been read */
  next(): Promise<Result<T>> {
    const first = this.#unread.shift()
    if (first !== undefined) {
      this.#unreadBytes -= first.bytes
      this.#resumeWhenRead()
      return Promise.resolve({ done: false, value: first.value })
    }
    if (this.#ended === undefined) return new Promise((resolve, reject) => this.#readers.push({ resolve, reject }))
    return this.#ended.error === undefined
      ? Promise.resolve({ done: true, value: undefined })
      : Promise.reject(this.#ended.error)
  }

  return(): Promise<Result<T>> {
    this.close()
    return Promise.resolve({ done: true, value: undefined })
  }

  /** Ends it; what is unread is dropped. */
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

  async #ask(): Promise<void> {
    // A question that waits for its reply is sent again by the connection; what comes twice for that is dropped.
    if (this.#asking) return
    this.#asking = true
    try {
      const { ask } = this.#source
      await ask((event, data) => this.#connection.request(event, data, { timeoutMs: this.#timeoutMs }))
      this.#asking = false
      this.#confirm.resolve()
    } catch (error) {
      this.#asking = false
      if (!mayTryAgain(error)) this.#end({ error })
      else if (this.#connection.connected) void this.#ask()
    }
  }

  #take(push: WirePush, bytes: number): void {
    const taken = this.#ended === undefined ? this.#source.take(push) : undefined
    if (taken === undefined) return
    const { value, last = false } = taken
    const reader = this.#readers.shift()
    if (reader === undefined) this.#keep(value, bytes)
    else reader.resolve({ done: false, value })
    if (last) this.#end({})
  }

  #keep(value: T, bytes: number): void {
    this.#unread.push({ value, bytes })
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
      end.error ?? new KsiError('KSI_UNREACHABLE', 'It was closed before the daemon had confirmed it.'),
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
