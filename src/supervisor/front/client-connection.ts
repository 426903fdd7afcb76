import type { Socket } from 'node:net'
import type { ConnectionInfo } from '../../contracts/relay.ts'
import { errorReply } from '../../contracts/wire.ts'
import { BatchedWriter } from '../../lib/batched-writer.ts'
import { messageOf } from '../../lib/errors.ts'
import type { Log } from '../../lib/log.ts'
import type { ConnectionOptions, ConnectionOwner } from './connection-owner.ts'
import { Inflow } from './inflow.ts'
import { Intake } from './intake.ts'
import { ReplyOrder } from './reply-order.ts'
import type { Rights } from './rights.ts'
import { Subscription } from './subscription.ts'
import type { PushFrame } from './subscription.ts'

/** A client that leaves more than this unread is cut. */
const cutAt = 16_777_216
/** So long a refused client may take to read why; its own bytes are read and dropped meanwhile, as a close with unread
 * bytes would be a reset, which can destroy the reply on its way. */
const lingerMs = 1_000

/** One client connection: lines in, lines out, and never more of either in memory than the limits above. */
export class ClientConnection {
  readonly id: number
  readonly info: ConnectionInfo
  readonly subscription = new Subscription()
  readonly order = new ReplyOrder((line) => this.send(line))
  /** generations that ended while they had been given its subscription and nothing else */
  deaths = 0
  /** what it may ask for; on TCP its first line says */
  rights: Rights
  /** true once a line of it was judged */
  hasSpoken = false
  /** the attached generation was told that it is gone */
  leftTold = false
  /** `performance.now()` when it closed */
  goneSince = 0
  readonly #socket: Socket
  readonly #owner: ConnectionOwner<ClientConnection>
  readonly #log: Log
  readonly #writer: BatchedWriter
  readonly #intake: Intake
  /** open → half (it sent its last line) → closing (we sent our last line) → gone */
  #phase: 'open' | 'half' | 'closing' | 'gone' = 'open'
  readonly #inflow = new Inflow(this.order)
  #busy = false
  #paused = false
  #linger: NodeJS.Timeout | undefined

  constructor(socket: Socket, options: ConnectionOptions<ClientConnection>) {
    const { id, transport, owner, log } = options
    this.id = id
    this.rights = transport === 'unix' ? 'all' : 'none'
    this.info = { transport, connected_at: Date.now() }
    this.#socket = socket
    this.#owner = owner
    this.#log = log
    this.#writer = new BatchedWriter(socket, () => this.#afterFlush())
    this.#intake = new Intake({
      isOpen: () => this.#phase === 'open',
      isFull: () => this.#inflow.isFull(owner.linesAtOnce),
      onLine: (line) => owner.onLine(this, line),
      onTooLong: () => owner.onTooLong(this),
      onUnfinished: (bytes) => owner.onUnfinished(this, bytes),
      onError: (error) => this.#onLineError(error),
    })
    this.#listen()
  }

  /** Bytes its lines may have, from the next one on. */
  set maxLineBytes(bytes: number) {
    this.#intake.maxLineBytes = bytes
  }

  get isGone(): boolean {
    return this.#phase === 'gone'
  }

  /** It hears no reply any more; what it has sent may still be on its way. */
  get hasHungUp(): boolean {
    return this.#socket.destroyed
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
    const unread = this.#writer.pending
    if (unread > cutAt) {
      this.#log.warn({ connection: this.id, unread }, 'client cut: it does not read what it is sent')
      return this.drop()
    }
    this.#writer.write(`${line}\n`)
  }

  /** Writes what is pushed: an event, or a piece of a stream. */
  push(frame: PushFrame): void {
    this.subscription.pushed(frame)
    if (frame.json !== '') this.send(frame.json)
  }

  /** Counts a request in. */
  took(bytes: number): void {
    this.#inflow.waiting++
    this.#inflow.bytes += bytes
    this.#adjust()
  }

  /** A request was run and waits for something else (1), or has to be run again (-1). */
  ran(change: 1 | -1, bytes: number): void {
    this.#inflow.running += change
    this.#inflow.runningBytes += change * bytes
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
    this.#intake.drop()
    this.#socket.resume()
    this.#linger = setTimeout(() => this.#socket.destroy(), lingerMs)
  }

  /** Sends what there is to send, then closes our side. */
  end(): void {
    if (this.#phase === 'closing' || this.#phase === 'gone') return
    this.#writer.flush()
    this.#phase = 'closing'
    if (!this.#socket.destroyed) this.#socket.end()
  }

  /** Ends it at once, without a word. */
  drop(): void {
    this.#phase = 'closing'
    this.#socket.destroy()
  }

  /** Ends the connection; resolves when it is gone, after at most `limitMs`, cut if need be. */
  async close(limitMs: number): Promise<void> {
    if (this.#socket.closed) return
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
    socket.on('end', () => this.#leaveIfRead())
    socket.on('drain', () => this.#setSlow(false))
    socket.on('error', (error) =>
      this.#log.debug({ connection: this.id, error: messageOf(error) }, 'connection failed'),
    )
    socket.once('close', () => {
      clearTimeout(this.#linger)
      // It takes nothing any more, and what it has sent is looked at all the same, in its turn.
      this.#setSlow(false)
      this.read()
    })
  }

  /** Looks at some of the lines that came. @returns whether there are more that may be looked at */
  read(): boolean {
    const isMore = this.#intake.read()
    this.#adjust()
    this.#leaveIfRead()
    return isMore
  }

  #onData(chunk: Buffer): void {
    if (this.#phase !== 'open') return
    this.#intake.take(chunk)
    if (this.#owner.mayRead()) this.read()
    else this.#adjust()
  }

  #onLineError(error: unknown): void {
    this.#log.error({ connection: this.id, error: messageOf(error) }, 'what a client sent could not be dealt with')
    this.refuse(errorReply('The line could not be dealt with, and was not taken.', 'KSI_INTERNAL'))
  }

  /** One that sends nothing more is done with once all that it sent has been looked at. */
  #leaveIfRead(): void {
    if (this.#phase === 'gone' || (this.#phase === 'open' && this.#intake.isWaiting)) return
    if (this.#phase === 'open' && this.#socket.readableEnded) {
      this.#intake.endLine()
      this.lastLine()
    }
    if (!this.#socket.closed) return
    this.#phase = 'gone'
    this.#intake.drop()
    this.goneSince = performance.now()
    this.#owner.onGone(this)
  }

  #afterFlush(): void {
    if (!this.isSlow && !this.hasHungUp && this.#socket.writableLength > this.#owner.slowAt) this.#setSlow(true)
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
    if (!full && this.#intake.isWaiting) this.#owner.onUnread(this)
    const paused = full || this.#intake.isWaiting
    if (paused === this.#paused) return
    this.#paused = paused
    this.#socket[paused ? 'pause' : 'resume']()
  }
}
