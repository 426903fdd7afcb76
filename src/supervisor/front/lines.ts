import { randomBytes } from 'node:crypto'
import { errorReply } from '../../contracts/wire.ts'
import type { ClientConnection } from './client-connection.ts'
import type { ReplyPlace } from './reply-order.ts'
import type { RequestLine } from './request-line.ts'

/** A request line that has no reply yet. */
export interface Line {
  readonly relay: number
  readonly connection: ClientConnection
  readonly place: ReplyPlace
  readonly bytes: number
  readonly eventId: string
  readonly request: Pick<RequestLine, 'text' | 'event' | 'correlation' | 'subscription'>
  /**
   * held: no generation was given it · sent: the live one was given it · running: it was run, and the reply comes when
   * something else has happened · again: a generation that is gone was given it
   */
  state: 'held' | 'sent' | 'running' | 'again'
  /** `performance.now()` when it came, or when it last was known to do no harm */
  waitingSince: number
  /** generations that ended while it was the only thing they had been given */
  deaths: number
  /** generations that ended some time after they had run it */
  outlived: number
}

/** A line that was run, waits, and saw this many generations die is not brought to the next one for ever. */
const outlivedAtMost = 3

function newLine(
  request: RequestLine,
  come: { connection: ClientConnection; relay: number; bytes: number; bootId: string },
): Line {
  const { text, event, correlation, subscription } = request
  const { connection, relay, bytes, bootId } = come
  return {
    relay,
    connection,
    place: connection.order.next(request.unordered),
    bytes,
    eventId: request.eventId ?? `evt_${bootId}${relay.toString(36)}`,
    request: { text, event, correlation, subscription },
    state: 'held',
    waitingSince: performance.now(),
    deaths: 0,
    outlived: 0,
  }
}

/** Lines and bytes that may wait for a generation, over all connections. */
const holdLimits = { lines: 10_000, bytes: 67_108_864 } as const

/** All lines without a reply, in order of arrival over all connections: first the relayed ones, then the held ones. */
export class Lines {
  readonly #lines = new Map<number, Line>()
  readonly #bootId = randomBytes(4).toString('hex')
  #last = 0
  #bytes = 0
  #heldCount = 0
  #heldBytes = 0

  get count(): number {
    return this.#lines.size
  }

  get bytes(): number {
    return this.#bytes
  }

  get heldCount(): number {
    return this.#heldCount
  }

  get heldBytes(): number {
    return this.#heldBytes
  }

  /** Why a further line of `bytes` cannot be held, if so. */
  fullFor(bytes: number): string | undefined {
    if (this.#heldCount >= holdLimits.lines)
      return `${holdLimits.lines} requests are already waiting for the daemon to come back`
    if (this.#heldBytes + bytes > holdLimits.bytes)
      return `more than ${holdLimits.bytes} bytes of requests would be waiting for the daemon to come back`
    return undefined
  }

  /** Takes a line that has just come, as held. */
  take(request: RequestLine, connection: ClientConnection, bytes: number): Line {
    const line = newLine(request, { connection, bytes, relay: ++this.#last, bootId: this.#bootId })
    this.#lines.set(line.relay, line)
    this.#bytes += line.bytes
    this.#heldCount++
    this.#heldBytes += line.bytes
    connection.took(bytes)
    return line
  }

  get(relay: number): Line | undefined {
    return this.#lines.get(relay)
  }

  /** Marks a line as given to the live generation. */
  sent(line: Line): void {
    if (line.state === 'held') {
      this.#heldCount--
      this.#heldBytes -= line.bytes
    }
    line.state = 'sent'
  }

  /** The live generation has run it, and it did no harm; its reply comes later. */
  ran(line: Line): void {
    if (line.state !== 'sent') return
    line.state = 'running'
    line.deaths = 0
    line.connection.ran(1, line.bytes)
  }

  /** The generation that was given it is gone. */
  again(line: Line, handover: boolean): void {
    const ran = line.state === 'running'
    if (ran && !handover) line.outlived++
    if (line.state !== 'again' && (handover || (ran && line.outlived <= outlivedAtMost)))
      line.waitingSince = performance.now()
    line.state = 'again'
    if (ran) line.connection.ran(-1, line.bytes)
  }

  remove(line: Line): void {
    if (!this.#lines.delete(line.relay)) return
    line.place.drop()
    this.#bytes -= line.bytes
    if (line.state !== 'held') return
    this.#heldCount--
    this.#heldBytes -= line.bytes
  }

  [Symbol.iterator](): IterableIterator<Line> {
    return this.#lines.values()
  }
}

type About = Pick<RequestLine, 'event' | 'correlation'>

/** The reply to a request no generation has seen. */
export function notTaken(why: string, request: About): string {
  return errorReply(`The request was NOT taken: ${why}. Send it again in a moment.`, 'KSI_RESTARTING', request)
}

/** The reply to a request a generation was given and gave no reply to. */
export function mayBeTaken(why: string, request: About): string {
  return errorReply(
    `The request MAY have been taken, but there is no reply: ${why}. ` +
      'Look for its effect, or send it again under the same request_id.',
    'KSI_RESTARTING',
    request,
  )
}
