import type { Duplex } from 'node:stream'
import { decodeFrame, encodeFrame } from '../../contracts/relay.ts'
import type { Frame, FrameToGeneration } from '../../contracts/relay.ts'
import { messageOf } from '../../lib/errors.ts'
import type { Log } from '../../lib/log.ts'
import { LineDecoder } from '../../lib/ndjson.ts'
import { BatchedWriter } from '../../lib/batched-writer.ts'
import type { ClientConnection } from './client-connection.ts'
import type { Line } from './lines.ts'

/** No reply comes near this; it only keeps a generation gone mad from filling the supervisor's memory. */
const maxFrameBytes = 134_217_728
/** The number of a line of the front's own; those of clients begin at 1. */
export const probe = 0
/** A generation that is to show that it lives is left alone so long, in ms: what it does by itself is done by then. */
const quietMs = 250

/**
 * One generation's relay stream. It reads on when the generation is no longer the live one, so that a retired process
 * is never stuck in a write and a later `attach` of the same stream starts at the edge of a frame; what to do with late
 * frames is the owner's to say.
 */
export class RelayLink {
  readonly stream: Duplex
  /** It was left alone for a while, and then answered: what ends it later is not of its own making. */
  isProven = false
  readonly #writer: BatchedWriter
  #proving: (() => void) | undefined

  constructor(
    stream: Duplex,
    options: {
      log: Log
      onFrame: (link: RelayLink, frame: Frame | undefined) => void
      onClosed: (link: RelayLink) => void
    },
  ) {
    const { log, onFrame, onClosed } = options
    this.stream = stream
    this.#writer = new BatchedWriter(stream)
    const decoder = new LineDecoder(
      maxFrameBytes,
      (line) => {
        try {
          const frame = decodeFrame(line)
          if (frame?.kind === 'R' && frame.relay === probe) this.#onProven()
          else onFrame(this, frame)
        } catch (error) {
          log.error(
            { frame: line.slice(0, 100), error: messageOf(error) },
            'a frame of the generation was not understood',
          )
        }
      },
      () => log.error({ limit: maxFrameBytes }, 'a frame of the generation was over the limit and is lost'),
    )
    stream.on('data', (chunk: Buffer) => decoder.push(chunk))
    // A generation that dies takes its end of the stream along: its exit is what counts, not this error.
    stream.on('error', (error) => log.debug({ error: messageOf(error) }, 'relay stream failed'))
    stream.once('close', () => onClosed(this))
    stream.once('end', () => onClosed(this))
  }

  /** Tells of a connection, new or met by an earlier generation. */
  connected({ id, info }: ClientConnection): void {
    this.#send({ kind: 'C', connection: id, info })
  }

  /** Tells what a connection has subscribed to, and how far it has come; `U` is the answer. */
  subscribed(connection: ClientConnection): void {
    const { id, subscription } = connection
    if (!subscription.stands) return
    subscription.isAsked = true
    this.#send({ kind: 'S', connection: id, seq: subscription.cursor, json: subscription.standing })
  }

  /** Sends a request line: again, if any generation was given it before. */
  request({ connection, relay, eventId, request, state }: Line): void {
    const { text } = request
    const frame = { kind: 'Q', connection: connection.id, relay, again: state !== 'held', eventId } as const
    if (typeof text === 'string') this.#send({ ...frame, json: text })
    else this.#writer.writeBytes(encodeFrame({ ...frame, json: '' }), text)
  }

  slow(connection: number, slow: boolean): void {
    this.#send({ kind: slow ? 'Z' : 'W', connection })
  }

  left(connection: number): void {
    this.#send({ kind: 'X', connection })
  }

  /** It is the live generation's from now on. */
  begin(): void {
    this.isProven = false
    this.#proving = undefined
  }

  /** Calls `then` when the generation has been left alone for a while, and still answers. */
  prove(then: () => void): void {
    if (this.#proving !== undefined) return
    this.#proving = then
    const ask = { kind: 'Q', connection: 0, relay: probe, again: false, eventId: 'probe' } as const
    setTimeout(() => this.#send({ ...ask, json: '{"event":"system:health"}' }), quietMs).unref()
  }

  /** Writes what was sent in this turn of the event loop now. */
  flush(): void {
    this.#writer.flush()
  }

  #onProven(): void {
    const then = this.#proving
    this.isProven = true
    this.#proving = undefined
    then?.()
  }

  #send(frame: FrameToGeneration): void {
    this.#writer.write(`${encodeFrame(frame)}\n`)
  }
}
