import type { Socket } from 'node:net'
import type { ConnectionInfo } from '../../contracts/relay.ts'
import { errorReply } from '../../contracts/wire.ts'
import { BatchedWriter } from '../../lib/batched-writer.ts'
import { messageOf } from '../../lib/errors.ts'
import type { Log } from '../../lib/log.ts'
import { LineCutter } from '../../lib/ndjson.ts'

/** A client with more than this unanswered is not read from until half of it is answered. */
const pauseAt = { lines: 1_000, bytes: 16_777_216 } as const
/** A client that leaves more than this unread is cut. */
const cutAt = 16_777_216
/** So long a refused client may take to read why; its own bytes are read and dropped meanwhile, as a close with unread
 * bytes would be a reset, which can destroy the reply on its way. */
const lingerMs = 1_000

export interface ConnectionOwner {
  /** A client that leaves more than this unread gets no pushes and no replies, and is not read from, until it has taken
   * it. */
  readonly slowAt: number
  onLine(connection: ClientConnection, line: Buffer): void
  onTooLong(connection: ClientConnection): void
  /** So many more (or fewer) bytes of a line without an end are kept for it. */
  onUnfinished(connection: ClientConnection, bytes: number): void
  /** It can take no more now (true), or can again (false). */
  onSlow(connection: ClientConnection, slow: boolean): void
  onGone(connection: ClientConnection): void
}

export interface ConnectionOptions {
  id: number
  transport: ConnectionInfo['transport']
  owner: ConnectionOwner
  log: Log
}

/** One client connection: lines in, lines out, and never more of either in memory than the limits above. */
export class ClientConnection {
  readonly id: number
  readonly info: ConnectionInfo
  /** data of the subscription it has, as JSON */
  subscription: string | undefined
  /** last `seq` pushed; -1 when there is no subscription */
  cursor = -1
  /** generations that ended while they had been given its subscription and nothing else */
  deaths = 0
  /** true once a line of it was judged */
  hasSpoken = false
  /** the attached generation was told that it is gone */
  leftTold = false
  /** `performance.now()` when it closed */
  goneSince = 0
  readonly #socket: Socket
  readonly #owner: ConnectionOwner
  readonly #log: Log
  readonly #writer: BatchedWriter
  readonly #cutter: LineCutter
  /** open → half (it sent its last line) → closing (we sent our last line) → gone */
  #phase: 'open' | 'half' | 'closing' | 'gone' = 'open'
  #waiting = 0
  #waitingBytes = 0
  #unfinished = 0
  #slow = false
  #crowded = false
  #paused = false
  #linger: NodeJS.Timeout | undefined

  constructor(socket: Socket, options: ConnectionOptions) {
    const { id, transport, owner, log } = options
    this.id = id
    this.info = { transport, connected_at: Date.now() }
    this.#socket = socket
    this.#owner = owner
    this.#log = log
    this.#writer = new BatchedWriter(socket, () => this.#afterFlush())
    this.#cutter = new LineCutter(
      0,
      // One chunk holds many lines, and one of them may be the reason to close.
      (line) => this.#phase === 'open' && owner.onLine(this, line),
      () => this.#phase === 'open' && owner.onTooLong(this),
    )
    this.#listen()
  }

  /** Bytes its lines may have, from the next one on. */
  set maxLineBytes(bytes: number) {
    this.#cutter.maxBytes = bytes
  }

  get isSubscribed(): boolean {
    return this.subscription !== undefined && this.cursor >= 0
  }

  /** What it has subscribed to, as a line. */
  get subscribeLine(): string {
    return `{"event":"monitor:subscribe","data":${this.subscription ?? '{}'}}`
  }

  get isGone(): boolean {
    return this.#phase === 'gone'
  }

  get isSlow(): boolean {
    return this.#slow
  }

  /** Requests without a reply. */
  get waiting(): number {
    return this.#waiting
  }

  /** Writes one line, unless the connection is on its way out. Cuts a client that reads nothing. */
  send(line: string): void {
    if (this.#phase === 'closing' || this.#phase === 'gone') return
    if (this.#writer.pending > cutAt) {
      this.#log.warn(
        { connection: this.id, unread: this.#writer.pending },
        'client cut: it does not read what it is sent',
      )
      this.#phase = 'closing'
      this.#socket.destroy()
      return
    }
    this.#writer.write(`${line}\n`)
  }

  /** A generation has agreed to its subscription. */
  subscribed(subscription: string): void {
    this.subscription = subscription
    this.deaths = 0
  }

  unsubscribed(): void {
    this.reached(-1)
  }

  /** Its subscription has seen everything up to `seq`; -1: it has none. */
  reached(seq: number): void {
    this.cursor = seq
    if (seq < 0) this.subscription = undefined
  }

  /** Writes a pushed event. */
  push(seq: number, line: string): void {
    this.cursor = seq
    this.send(line)
  }

  /** Counts a request in. */
  took(bytes: number): void {
    this.#waiting++
    this.#waitingBytes += bytes
    this.#adjust()
  }

  /** Counts a request out; the last one ends a connection whose client has sent its last line. */
  settled(bytes: number): void {
    this.#waiting--
    this.#waitingBytes -= bytes
    this.#adjust()
    if (this.#phase === 'half' && this.#waiting === 0) this.end()
  }

  /** While true it is not read from, because all connections together have too much unanswered. */
  crowd(crowded: boolean): void {
    this.#crowded = crowded
    this.#adjust()
  }

  /** Takes no line after the one that came last, and ends when that is answered. */
  lastLine(): void {
    if (this.#phase !== 'open') return
    this.#phase = 'half'
    this.#socket.resume()
    if (this.#waiting === 0) this.end()
  }

  /** Says why, reads no more of it, and closes. */
  refuse(line: string): void {
    if (this.#linger !== undefined) return
    this.send(line)
    this.end()
    this.#socket.resume()
    this.#linger = setTimeout(() => this.#socket.destroy(), lingerMs)
  }

  /** Sends what there is to send, then closes our side. */
  end(): void {
    if (this.#phase === 'closing' || this.#phase === 'gone') return
    this.#writer.flush()
    this.#phase = 'closing'
    this.#socket.end()
  }

  /** Ends it at once, without a word. */
  drop(): void {
    this.#socket.destroy()
  }

  /** Ends the connection; resolves when it is gone, after at most `limitMs`, cut if need be. */
  async close(limitMs: number): Promise<void> {
    if (this.isGone) return
    this.end()
    const closed = new Promise<void>((resolve) => this.#socket.once('close', () => resolve()))
    const timer = setTimeout(() => this.#socket.destroy(), limitMs)
    // Do not wait for clients that never hang up: what they are owed is out.
    this.#socket.resume().destroySoon()
    await closed
    clearTimeout(timer)
  }

  #listen(): void {
    const socket = this.#socket
    socket.on('data', (chunk: Buffer) => this.#onData(chunk))
    socket.on('end', () => this.#onEnd())
    socket.on('drain', () => this.#setSlow(false))
    socket.on('error', (error) =>
      this.#log.debug({ connection: this.id, error: messageOf(error) }, 'client connection failed'),
    )
    socket.once('close', () => {
      clearTimeout(this.#linger)
      this.#phase = 'gone'
      this.#owner.onUnfinished(this, -this.#unfinished)
      this.goneSince = performance.now()
      this.#owner.onGone(this)
    })
  }

  #onData(chunk: Buffer): void {
    if (this.#phase !== 'open') return
    try {
      this.#cutter.push(chunk)
    } catch (error) {
      // Whatever it was: it is this client's, and must not be everybody's.
      this.#log.error({ connection: this.id, error: messageOf(error) }, 'what a client sent could not be dealt with')
      this.refuse(errorReply('The line could not be dealt with, and was not taken.', 'KSI_INTERNAL'))
    }
    const more = this.#cutter.pendingBytes - this.#unfinished
    this.#unfinished += more
    if (more !== 0) this.#owner.onUnfinished(this, more)
  }

  #onEnd(): void {
    if (this.#phase !== 'open') return
    // `printf '{…}' | nc -U …` sends no last newline. Half an object cannot be taken for a whole one.
    if (this.#cutter.pendingBytes > 0) this.#onData(Buffer.from('\n'))
    this.lastLine()
  }

  #afterFlush(): void {
    if (!this.#slow && this.#socket.writableLength > this.#owner.slowAt) this.#setSlow(true)
  }

  #setSlow(slow: boolean): void {
    if (slow === this.#slow || this.isGone) return
    this.#slow = slow
    this.#adjust()
    this.#owner.onSlow(this, slow)
  }

  #adjust(): void {
    if (this.#phase !== 'open') return
    const held = this.#slow || this.#crowded
    const over = held || this.#waiting > pauseAt.lines || this.#waitingBytes > pauseAt.bytes
    const under = !held && this.#waiting < pauseAt.lines / 2 && this.#waitingBytes < pauseAt.bytes / 2
    if (over && !this.#paused) this.#socket.pause()
    else if (under && this.#paused) this.#socket.resume()
    else return
    this.#paused = over
  }
}
