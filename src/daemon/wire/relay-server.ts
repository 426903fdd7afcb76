import type { Duplex } from 'node:stream'
import { readFrame } from '../../contracts/relay.ts'
import type { ConnectionInfo, Frame } from '../../contracts/relay.ts'
import { writtenMember } from '../../lib/json-shape.ts'
import { LineDecoder, isObject, parseObject } from '../../lib/ndjson.ts'
import type { Core } from '../core.ts'
import { LineService } from './line-service.ts'
import type { ServedLine } from './line-service.ts'

/** What the transport tells the monitor. */
export interface ConnectionListener {
  closed(connection: number): void
  restoreSubscription(connection: number, seq: number, data: Record<string, unknown>): void
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
  send(frame: string): boolean
  /** Takes no more frames and sends what is queued. The stream itself stays open, for a resume. */
  stop(): void
}

/** Serves the relay: lines are run in turns, and each is acknowledged only after it is committed. */
export function serveRelay(stream: Duplex, core: Core, listener: ConnectionListener): Transport {
  const connections = new Map<number, ConnectionInfo>()
  let outgoing: string[] = []
  let outgoingLength = 0
  let stopped = false

  const flush = (): void => {
    if (outgoing.length === 0) return
    const text = outgoing.join('')
    outgoing = []
    outgoingLength = 0
    stream.write(text)
  }
  const send = (frame: string): boolean => {
    if (stopped) return true
    if (outgoing.length === 0) queueMicrotask(flush)
    outgoing.push(`${frame}\n`)
    outgoingLength += frame.length
    if (outgoingLength >= flushAt) flush()
    return unsent() < enough.pushes
  }
  const unsent = (): number => outgoingLength + stream.writableLength
  const lines = new LineService(core, {
    hasRoom: () => unsent() < enough.all,
    reply: ({ connection, relay }, json) => send(`R ${connection} ${relay} ${json}`),
    running: ({ connection, relay }) => send(`T ${connection} ${relay}`),
  })
  const onDrain = (): void => {
    lines.resume()
    listener.drained()
  }

  const decoder = new LineDecoder(Number.MAX_SAFE_INTEGER, (line) => {
    const frame = readFrame(line)
    if (frame.kind === 'Q') lines.add(toServedLine(frame, connections))
    else serveOther(frame)
  })
  const onData = (chunk: Buffer): void => {
    decoder.push(chunk)
    lines.resume()
  }

  const serveOther = ({ kind, fields, json }: Frame): void => {
    const connection = Number(fields[0])
    switch (kind) {
      case 'C':
        connections.set(connection, JSON.parse(json) as ConnectionInfo)
        return
      case 'X':
        // What it sent before is run first.
        lines.after(connection, () => {
          connections.delete(connection)
          listener.closed(connection)
        })
        return
      case 'S':
        listener.restoreSubscription(connection, Number(fields[1]), parseObject(json) ?? {})
        return
      case 'Z':
      case 'W':
        lines.pause(connection, kind === 'Z')
        listener.paused(connection, kind === 'Z')
        return
      default:
        core.log.warn({ kind }, 'unknown frame on the relay')
    }
  }

  stream.on('data', onData)
  stream.on('drain', onDrain)
  return {
    send,
    stop() {
      flush()
      stopped = true
      lines.stop()
      stream.off('data', onData)
      stream.off('drain', onDrain)
      // Keeps draining, so that nothing old waits in the stream if this generation is called back.
      stream.resume()
    },
  }
}

function toServedLine(frame: Frame, connections: Map<number, ConnectionInfo>): ServedLine {
  const [connection, relay, again, eventId] = frame.fields
  const message = parseObject(frame.json) ?? {}
  const id = Number(connection)
  const info = connections.get(id)
  const data = isObject(message.data) ? message.data : {}
  const name = (message.correlation_id ?? undefined) === undefined ? '_correlation_id' : 'correlation_id'
  return {
    connection: id,
    relay: Number(relay),
    bytes: frame.json.length,
    event: typeof message.event === 'string' ? message.event : '',
    data,
    again: again === '1',
    ownId: typeof message._event_id === 'string',
    correlation: writtenMember(message, frame.json, name),
    context: {
      connection: info === undefined ? null : { ...info, id },
      eventId: decodeURIComponent(eventId ?? ''),
      clientId: text(message._client_id) ?? text(message.client_id) ?? text(data.originator_id),
      agentId: text(message._agent_id),
    },
  }
}

function text(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}
