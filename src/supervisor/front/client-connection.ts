import type { Socket } from 'node:net'
import type { ConnectionInfo } from '../../contracts/relay.ts'
import { errorReply } from '../../contracts/wire.ts'
import { BatchedWriter } from '../../lib/batched-writer.ts'
import { messageOf } from '../../lib/errors.ts'
import type { Log } from '../../lib/log.ts'
import { LineCutter } from '../../lib/ndjson.ts'
import { Inflow } from './inflow.ts'
import type { Rights } from './rights.ts'

/** A client that leaves more than this unread is cut. */
const cutAt = 16_777_216
/** Lines of one client that are looked at in a row. */
const linesInARow = 16
/** So long a refused client may take to read why; its own bytes are read and dropped meanwhile, as a close with unread
 * bytes would be a reset, which can destroy the reply on its way. */
const lingerMs = 1_000

export interface ConnectionOwner {
  /** A client that leaves more than this unread gets no pushes and no replies, and is not read from, until it has taken
   * it. */
  readonly slowAt: number
  /** Lines a client may have under way now. */
  readonly linesAtOnce: number
  /** Its lines wait to be looked at: `read` is called when it is its turn. */
  onUnread(connection: ClientConnection): void
  /** It has lines under way (true), or none (false). */
  onBusy(connection: ClientConnection, busy: boolean): void
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
  /** what it may ask for; on TCP its first line says */
  rights: Rights
  /** the attached generation was told its subscription, and has not answered */
  isAsked = false
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
  readonly #inflow = new Inflow()
  /** what came and was not looked at yet; nothing more is read meanwhile */
  #unread: Buffer | undefined
  #unfinished = 0
  #busy = false
  #paused = false
  #linger: NodeJS.Timeout | undefined

  constructor(socket: Socket, options: ConnectionOptions) {
    const { id, transport, owner, log } = options
    this.id = id
    this.rights = transport === 'unix' ? 'all' : 'none'
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
    return this.#inflow.slow
  }

  /** Requests without a reply. */
  get waiting(): number {
    return this.#inflow.waiting
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
    this.#inflow.waiting++
    this.#inflow.bytes += bytes
    this.#adjust()
  }

  /** A request was run and waits for something else (1), or has to be run again (-1). */
  ran(change: 1 | -1): void {
    this.#inflow.running += change
    this.#adjust()
  }

  /** Counts a request out; the last one ends a connection whose client has sent its last line. */
  settled(bytes: number): void {
    this.#inflow.waiting--
    this.#inflow.bytes -= bytes
    this.#adjust()
    if (this.#phase === 'half' && this.waiting === 0) this.end()
  }

  /** While true it is not read from, because all connections together have too much unanswered. */
  crowd(crowded: boolean): void {
    this.#inflow.crowded = crowded
    this.#adjust()
  }

  /** Takes no line after the one that came last, and ends when that is answered. */
  lastLine(): void {
    if (this.#phase !== 'open') return
    this.#phase = 'half'
    this.#socket.resume()
    if (this.waiting === 0) this.end()
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
      this.#readAll()
      this.#phase = 'gone'
      this.#owner.onUnfinished(this, -this.#unfinished)
      this.goneSince = performance.now()
      this.#owner.onGone(this)
    })
  }

  /** Looks at some of the lines that came. @returns whether there are more that may be looked at */
  read(): boolean {
    const chunk = this.#unread
    this.#unread = undefined
    if (chunk === undefined || this.#phase !== 'open') return false
    let left = linesInARow
    this.#unread = this.#cut(chunk, () => --left > 0 && !this.#inflow.isFull(this.#owner.linesAtOnce))
    this.#adjust()
    return this.#unread !== undefined && !this.#inflow.isFull(this.#owner.linesAtOnce)
  }

  #onData(chunk: Buffer): void {
    if (this.#phase !== 'open') return
    this.#unread = this.#unread === undefined ? chunk : Buffer.concat([this.#unread, chunk])
    if (this.read()) this.#owner.onUnread(this)
  }

  #cut(chunk: Buffer, mayGoOn: () => boolean): Buffer | undefined {
    let rest: Buffer | undefined
    try {
      rest = this.#cutter.push(chunk, mayGoOn)
    } catch (error) {
      // Whatever it was: it is this client's, and must not be everybody's.
      this.#log.error({ connection: this.id, error: messageOf(error) }, 'what a client sent could not be dealt with')
      this.refuse(errorReply('The line could not be dealt with, and was not taken.', 'KSI_INTERNAL'))
    }
    const more = this.#cutter.pendingBytes - this.#unfinished
    this.#unfinished += more
    if (more !== 0) this.#owner.onUnfinished(this, more)
    return rest
  }

  /** Looks at all that came: nothing comes after it. */
  #readAll(): void {
    const rest = this.#unread
    this.#unread = undefined
    if (rest !== undefined && this.#phase === 'open') this.#cut(rest, () => true)
  }

  #onEnd(): void {
    if (this.#phase !== 'open') return
    this.#readAll()
    // `printf '{…}' | nc -U …` sends no last newline. Half an object cannot be taken for a whole one.
    if (this.#cutter.pendingBytes > 0) this.#cut(Buffer.from('\n'), () => true)
    this.lastLine()
  }

  #afterFlush(): void {
    if (!this.isSlow && this.#socket.writableLength > this.#owner.slowAt) this.#setSlow(true)
  }

  #setSlow(slow: boolean): void {
    if (slow === this.isSlow || this.isGone) return
    this.#inflow.slow = slow
    this.#adjust()
    this.#owner.onSlow(this, slow)
  }

  #adjust(): void {
    if (this.#inflow.isBusy !== this.#busy) {
      this.#busy = !this.#busy
      this.#owner.onBusy(this, this.#busy)
    }
    if (this.#phase !== 'open') return
    const full = this.#inflow.isFull(this.#owner.linesAtOnce)
    if (!full && this.#unread !== undefined) this.#owner.onUnread(this)
    const paused = full || this.#unread !== undefined
    if (paused === this.#paused) return
    this.#paused = paused
    if (paused) this.#socket.pause()
    else this.#socket.resume()
  }
}
