import type { Duplex } from 'node:stream'
import { decodeFrame, encodeFrame, standing } from '../../contracts/relay.ts'
import type { ConnectionInfo, Frame, FrameToFront, Standing } from '../../contracts/relay.ts'
import { writtenMember } from '../../lib/json-shape.ts'
import { LineDecoder, isObject, parseObject } from '../../lib/ndjson.ts'
import type { Core } from '../core.ts'
import { LineService } from './line-service.ts'
import type { ServedLine } from './line-service.ts'

/** What the transport tells those who push. */
export interface ConnectionListener {
  closed(connection: number): void
  /** Goes on with what a connection follows. */
  restore(connection: number, seq: number, standing: Standing): void
  paused(connection: number, paused: boolean): void
  /** The relay can take more, after `send` said that it had enough. */
  drained(): void
}

/** Characters that may wait for the front: of pushes, which can wait elsewhere, and of all. */
const enough = { pushes: 524_288, all: 1_048_576 } as const
/** From this many characters on what waits is written, so that joined strings stay small. */
const flushAt = 262_144

/** The generation's end of the relay. */
export interface Transport {
  /**
   * Queues a frame; everything queued in one tick is written at once. @returns false when enough waits for the front to
   * read
   */
  send(frame: FrameToFront): boolean
  /** Takes no more frames and sends what is queued. The stream itself stays open, for a resume. */
  stop(): void
}

/** Serves the relay: lines are run in turns, and each is acknowledged only after it is committed and on disk. */
export function serveRelay(stream: Duplex, core: Core, listener: ConnectionListener): Transport {
  return new RelayServer(stream, core, listener)
}

class RelayServer implements Transport {
  readonly #stream: Duplex
  readonly #core: Core
  readonly #listener: ConnectionListener
  readonly #lines: LineService
  readonly #connections = new Map<number, ConnectionInfo>()
  #outgoing: string[] = []
  #outgoingLength = 0
  #stopped = false
  readonly #onData: (chunk: Buffer) => void
  readonly #onDrain: () => void

  constructor(stream: Duplex, core: Core, listener: ConnectionListener) {
    this.#stream = stream
    this.#core = core
    this.#listener = listener
    this.#lines = new LineService(core, {
      hasRoom: () => this.#unsent < enough.all,
      reply: ({ connection, relay }, json) => this.send({ kind: 'R', connection, relay, json }),
      running: ({ connection, relay }) => this.send({ kind: 'T', connection, relay }),
    })
    const decoder = new LineDecoder(Number.MAX_SAFE_INTEGER, (line) => this.#serve(decodeFrame(line)))
    this.#onData = (chunk) => {
      decoder.push(chunk)
      this.#lines.resume()
    }
    this.#onDrain = () => {
      this.#lines.resume()
      listener.drained()
    }
    stream.on('data', this.#onData)
    stream.on('drain', this.#onDrain)
  }

  send(frame: FrameToFront): boolean {
    if (this.#stopped) return true
    if (this.#outgoing.length === 0) queueMicrotask(() => this.#flush())
    const line = `${encodeFrame(frame)}\n`
    this.#outgoing.push(line)
    this.#outgoingLength += line.length
    if (this.#outgoingLength >= flushAt) this.#flush()
    return this.#unsent < enough.pushes
  }

  stop(): void {
    this.#flush()
    this.#stopped = true
    this.#lines.stop()
    this.#stream.off('data', this.#onData)
    this.#stream.off('drain', this.#onDrain)
    // Keeps draining, so that nothing old waits in the stream if this generation is called back.
    this.#stream.resume()
  }

  get #unsent(): number {
    return this.#outgoingLength + this.#stream.writableLength
  }

  #flush(): void {
    if (this.#outgoing.length === 0) return
    const text = this.#outgoing.join('')
    this.#outgoing = []
    this.#outgoingLength = 0
    this.#stream.write(text)
  }

  #serve(frame: Frame | undefined): void {
    switch (frame?.kind) {
      case 'Q':
        return this.#lines.add(toServedLine(frame, this.#connections.get(frame.connection)))
      case 'C':
        this.#connections.set(frame.connection, frame.info)
        return
      case 'X':
        // What it sent before is run first.
        return this.#lines.after(frame.connection, () => {
          this.#connections.delete(frame.connection)
          this.#listener.closed(frame.connection)
        })
      case 'S':
        this.#listener.restore(frame.connection, frame.seq, standing().parse(parseObject(frame.json)))
        return
      case 'Z':
      case 'W':
        this.#lines.pause(frame.connection, frame.kind === 'Z')
        return this.#listener.paused(frame.connection, frame.kind === 'Z')
      default:
        this.#core.log.warn({ kind: frame?.kind }, 'unknown frame on the relay')
    }
  }
}

type RequestFrame = Extract<Frame, { kind: 'Q' }>

function toServedLine(frame: RequestFrame, info: ConnectionInfo | undefined): ServedLine {
  const { connection, relay, again, eventId, json } = frame
  const message = parseObject(json) ?? {}
  const data = isObject(message.data) ? message.data : {}
  const name = (message.correlation_id ?? undefined) === undefined ? '_correlation_id' : 'correlation_id'
  return {
    connection,
    relay,
    bytes: json.length,
    event: typeof message.event === 'string' ? message.event : '',
    data,
    again,
    ownId: typeof message._event_id === 'string',
    correlation: writtenMember(message, json, name),
    context: {
      connection: info === undefined ? null : { ...info, id: connection },
      eventId: decodeURIComponent(eventId),
      clientId: text(message._client_id) ?? text(message.client_id) ?? text(data.originator_id),
      agentId: text(message._agent_id),
    },
  }
}

function text(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}
