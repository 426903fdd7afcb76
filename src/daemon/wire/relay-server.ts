import type { Duplex } from 'node:stream'
import { decodeFrame, encodeFrame } from '../../contracts/relay.ts'
import type { ConnectionInfo, Frame, FrameToFront } from '../../contracts/relay.ts'
import { dataReply } from '../../contracts/wire.ts'
import { LineDecoder, isObject, parseObject } from '../../lib/ndjson.ts'
import type { Core } from '../core.ts'
import type { EventContext } from './router.ts'
import { handleEvent, toErrorData } from './handle-event.ts'

/** What the transport tells the monitor. */
export interface ConnectionListener {
  closed(connection: number): void
  restoreSubscription(connection: number, seq: number, data: Record<string, unknown>): void
  paused(connection: number, paused: boolean): void
  /** The relay can take more, after `send` said that it had enough. */
  drained(): void
}

/**
 * Characters that may wait for the front; what can wait elsewhere does so beyond that. Replies never wait elsewhere.
 */
const enough = 4_194_304

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

/**
 * Serves the relay. All lines that arrived together are one transaction: each is acknowledged only after it is
 * committed and on disk, and ten thousand of them a second cost a few hundred commits.
 */
export function serveRelay(stream: Duplex, core: Core, listener: ConnectionListener): Transport {
  const connections = new Map<number, ConnectionInfo>()
  /** Replies by connection that wait until what they tell is on disk. */
  const waiting = new Map<number, number>()
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
  const send = (frame: FrameToFront): boolean => {
    if (stopped) return true
    if (outgoing.length === 0) queueMicrotask(flush)
    const line = `${encodeFrame(frame)}\n`
    outgoing.push(line)
    outgoingLength += line.length
    return outgoingLength + stream.writableLength < enough
  }
  const onDrain = (): void => listener.drained()

  let batch: (Frame | undefined)[] = []
  const decoder = new LineDecoder(Number.MAX_SAFE_INTEGER, (line) => batch.push(decodeFrame(line)))
  const onData = (chunk: Buffer): void => {
    decoder.push(chunk)
    const frames = batch
    batch = []
    if (!stopped) serveBatch(frames)
  }

  // Only requests are part of the transaction: what else the front says holds also when that fails.
  const serveBatch = (frames: (Frame | undefined)[]): void => {
    const requests: Request[] = []
    for (const frame of frames) {
      if (frame?.kind === 'Q') requests.push({ frame, event: toWireEvent(frame, connections), results: [] })
      else if (frame?.kind !== 'X') serveOther(frame)
    }
    if (requests.length > 0) serveRequests(requests)
    for (const frame of frames) if (frame?.kind === 'X') serveOther(frame)
  }

  const serveRequests = (requests: Request[]): void => {
    const before = core.journal.changes()
    try {
      core.journal.tx(() => {
        for (const request of requests) request.results = handleEvent(core, request.event)
      })
    } catch (error) {
      // The transaction failed (no room, fenced): nothing of the batch was kept, so nothing of it may be acknowledged.
      for (const request of requests) request.results = [toErrorData(core, request.event.event, error)]
    }
    const wrote = core.journal.changes() !== before
    for (const request of requests) {
      const { frame, event, results } = request
      if (results instanceof Promise) void results.then((late) => reply(frame, event, late))
      // Of a connection that waits for the disk nothing overtakes what came before.
      else if (wrote || waiting.has(frame.connection)) replyOnceSynced(request, results)
      else reply(frame, event, results)
    }
  }

  /** What tells of a change is said once that is on disk, or else is an error. */
  const replyOnceSynced = ({ frame, event }: Request, results: unknown[]): void => {
    const { connection } = frame
    waiting.set(connection, (waiting.get(connection) ?? 0) + 1)
    const answer = (given: unknown[]): void => {
      const left = (waiting.get(connection) ?? 1) - 1
      if (left === 0) waiting.delete(connection)
      else waiting.set(connection, left)
      reply(frame, event, given)
    }
    core.journal.whenSynced(
      () => answer(results),
      (error) => answer([toErrorData(core, event.event, error)]),
    )
  }

  const reply = ({ connection, relay }: RequestFrame, event: WireEvent, results: unknown[]): void => {
    send({ kind: 'R', connection, relay, json: dataReply(results, event) })
  }

  const serveOther = (frame: Frame | undefined): void => {
    switch (frame?.kind) {
      case 'C':
        connections.set(frame.connection, frame.info)
        return
      case 'X':
        connections.delete(frame.connection)
        listener.closed(frame.connection)
        return
      case 'S':
        listener.restoreSubscription(frame.connection, frame.seq, parseObject(frame.json) ?? {})
        return
      case 'Z':
      case 'W':
        listener.paused(frame.connection, frame.kind === 'Z')
        return
      default:
        core.log.warn({ kind: frame?.kind }, 'unknown frame on the relay')
    }
  }

  stream.on('data', onData)
  stream.on('drain', onDrain)
  return {
    send,
    stop() {
      flush()
      stopped = true
      stream.off('data', onData)
      stream.off('drain', onDrain)
      // Keeps draining, so that nothing old waits in the stream if this generation is called back.
      stream.resume()
    },
  }
}

type RequestFrame = Extract<Frame, { kind: 'Q' }>

interface Request {
  frame: RequestFrame
  event: WireEvent
  results: unknown[] | Promise<unknown[]>
}

interface WireEvent {
  event: string
  data: Record<string, unknown>
  context: EventContext
  again: boolean
  correlation_id: unknown
}

function toWireEvent(frame: RequestFrame, connections: Map<number, ConnectionInfo>): WireEvent {
  const { connection: id, again, eventId, json } = frame
  const message = parseObject(json) ?? {}
  const info = connections.get(id)
  const data = isObject(message.data) ? message.data : {}
  return {
    event: typeof message.event === 'string' ? message.event : '',
    data,
    // A client that lost its connection sends again under the id it gave; the front under the one it made.
    again: again || typeof message._event_id === 'string',
    correlation_id: message.correlation_id ?? message._correlation_id ?? null,
    context: {
      connection: info === undefined ? null : { ...info, id },
      eventId: decodeURIComponent(eventId),
      clientId: text(message._client_id) ?? text(message.client_id) ?? text(data.originator_id),
      agentId: text(message._agent_id),
    },
  }
}

function text(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}
