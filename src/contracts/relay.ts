import { z } from 'zod'

/*
 * The relay: the stream between front and live generation (file descriptor 4 of the generation, a socket pair).
 * One frame a line: a letter, its fields separated by single spaces, then (for some) raw JSON to the end of the line,
 * so that no line is parsed and written anew on its way through.
 *
 * front → generation
 *   C connection info              a connection is there
 *   S connection seq json          go on with what this connection follows: events as the data of its last
 *                                  monitor:subscribe said, after event `seq`, and streams from their places (json:
 *                                  `standing`); `U` is the answer. Sent for each follower when a generation takes over.
 *   Q connection relay again eventId json   a request line. `again` is 1 when an earlier generation may have run it
 *                                  already; `eventId` holds no space (it is URI-encoded).
 *   X connection                   the connection is gone
 *   Z / W connection               the connection cannot take more pushes now / can again
 * generation → front
 *   R connection relay json        the reply to request `relay`
 *   T connection relay             request `relay` was run and goes on beside others; its reply comes when it comes
 *   P connection seq json          a pushed event; the front remembers `seq`
 *   D connection stream attempt offset json
 *                                  a piece of a stream (no json: it begins); the front remembers that the next one it
 *                                  wants is chunk `offset` of that attempt. `stream` is the URI-encoded request id.
 *   E connection stream json       the last of a stream (no json: there is nothing to say)
 *   U connection seq               this connection's subscription has seen everything up to `seq` (-1: it has none);
 *                                  also the answer to `S`
 */

/** What a generation is told about a connection, and what a request's record keeps of its client. */
const connectionInfo = () =>
  z.object({
    transport: z.enum(['unix', 'tcp']),
    /** epoch ms */
    connected_at: z.number(),
  })
export type ConnectionInfo = z.infer<ReturnType<typeof connectionInfo>>

/** How far a connection has come with the output of a request. */
const streamPlace = () => z.object({ request_id: z.string(), attempt: z.number(), offset: z.number() })
export type StreamPlace = z.infer<ReturnType<typeof streamPlace>>

/** What a connection follows, when a generation takes over. */
export const standing = () =>
  z.object({
    /** the data of its monitor:subscribe */
    events: z.record(z.string(), z.unknown()).optional(),
    streams: z.array(streamPlace()),
  })
export type Standing = z.infer<ReturnType<typeof standing>>

/** The schemas are for types and tests: frames are read by hand, since every line of every client passes here. */
export const frameToGeneration = () =>
  z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('C'), connection: z.number(), info: connectionInfo() }),
    z.object({ kind: z.literal('S'), connection: z.number(), seq: z.number(), json: z.string() }),
    z.object({
      kind: z.literal('Q'),
      connection: z.number(),
      relay: z.number(),
      again: z.boolean(),
      eventId: z.string(),
      json: z.string(),
    }),
    z.object({ kind: z.literal('X'), connection: z.number() }),
    z.object({ kind: z.literal('Z'), connection: z.number() }),
    z.object({ kind: z.literal('W'), connection: z.number() }),
  ])
export type FrameToGeneration = z.infer<ReturnType<typeof frameToGeneration>>

export const frameToFront = () =>
  z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('R'), connection: z.number(), relay: z.number(), json: z.string() }),
    z.object({ kind: z.literal('T'), connection: z.number(), relay: z.number() }),
    z.object({ kind: z.literal('P'), connection: z.number(), seq: z.number(), json: z.string() }),
    z.object({
      kind: z.literal('D'),
      connection: z.number(),
      stream: z.string(),
      attempt: z.number(),
      offset: z.number(),
      json: z.string(),
    }),
    z.object({ kind: z.literal('E'), connection: z.number(), stream: z.string(), json: z.string() }),
    z.object({ kind: z.literal('U'), connection: z.number(), seq: z.number() }),
  ])
export type FrameToFront = z.infer<ReturnType<typeof frameToFront>>

export type Frame = FrameToGeneration | FrameToFront

/** A frame as a line, without its end. */
export function encodeFrame(frame: Frame): string {
  switch (frame.kind) {
    case 'C':
      return `C ${frame.connection} ${JSON.stringify(frame.info)}`
    case 'Q':
      return `Q ${frame.connection} ${frame.relay} ${frame.again ? 1 : 0} ${frame.eventId} ${frame.json}`
    case 'R':
      return `R ${frame.connection} ${frame.relay} ${frame.json}`
    case 'T':
      return `T ${frame.connection} ${frame.relay}`
    case 'S':
    case 'P':
      return `${frame.kind} ${frame.connection} ${frame.seq} ${frame.json}`
    case 'D':
      return `D ${frame.connection} ${encodeURIComponent(frame.stream)} ${frame.attempt} ${frame.offset} ${frame.json}`
    case 'E':
      return `E ${frame.connection} ${encodeURIComponent(frame.stream)} ${frame.json}`
    case 'U':
      return `U ${frame.connection} ${frame.seq}`
    default:
      return `${frame.kind} ${frame.connection}`
  }
}

/** Takes a line apart. @returns undefined for a letter nobody knows, or a line that is torn */
export function decodeFrame(line: string): Frame | undefined {
  const kind = line.slice(0, 1)
  const fields = new Fields(line)
  const connection = fields.number()
  if (Number.isNaN(connection)) return undefined
  switch (kind) {
    case 'C':
      return { kind, connection, info: JSON.parse(fields.rest()) as ConnectionInfo }
    case 'Q':
      return {
        kind,
        connection,
        relay: fields.number(),
        again: fields.text() === '1',
        eventId: fields.text(),
        json: fields.rest(),
      }
    case 'R':
      return { kind, connection, relay: fields.number(), json: fields.rest() }
    case 'T':
      return { kind, connection, relay: fields.number() }
    case 'S':
    case 'P':
      return { kind, connection, seq: fields.number(), json: fields.rest() }
    case 'D':
      return {
        kind,
        connection,
        stream: decodeURIComponent(fields.text()),
        attempt: fields.number(),
        offset: fields.number(),
        json: fields.rest(),
      }
    case 'E':
      return { kind, connection, stream: decodeURIComponent(fields.text()), json: fields.rest() }
    case 'U':
      return { kind, connection, seq: fields.number() }
    case 'X':
    case 'Z':
    case 'W':
      return { kind, connection }
    default:
      return undefined
  }
}

/** The fields of a line after its letter, one after the other. */
class Fields {
  readonly #line: string
  #at = 2

  constructor(line: string) {
    this.#line = line
  }

  text(): string {
    const space = this.#line.indexOf(' ', this.#at)
    const end = space === -1 ? this.#line.length : space
    const text = this.#line.slice(this.#at, end)
    this.#at = end + 1
    return text
  }

  number(): number {
    return Number.parseInt(this.text(), 10)
  }

  /** Raw JSON, which may hold spaces. */
  rest(): string {
    return this.#line.slice(this.#at)
  }
}
