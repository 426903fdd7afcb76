import type { Duplex } from 'node:stream'
import { readFrame } from '../contracts/relay.ts'
import type { ConnectionInfo, Frame } from '../contracts/relay.ts'
import { dataReply } from '../contracts/wire.ts'
import { LineDecoder, isObject, parseObject } from '../lib/ndjson.ts'
import type { Core } from './core.ts'
import type { EventContext } from './router.ts'
import { handleEvent, toErrorData } from './wire-handler.ts'

/** What the transport tells the monitor. */
export interface ConnectionListener {
  closed(connection: number): void
  restoreSubscription(connection: number, seq: number, data: Record<string, unknown>): void
  paused(connection: number, paused: boolean): void
}

/** The generation's end of the relay. */
export interface Transport {
  /** Queues a frame; everything queued in one tick is written at once. */
  send(frame: string): void
  /** Takes no more frames and sends what is queued. The stream itself stays open, for a resume. */
  stop(): void
}

/**
 * Serves the relay. All lines that arrived together are one transaction: each is acknowledged only after it is
 * committed, and ten thousand of them a second cost a few hundred commits.
 */
export function serveRelay(stream: Duplex, core: Core, listener: ConnectionListener): Transport {
  const connections = new Map<number, ConnectionInfo>()
  let outgoing: string[] = []
  let stopped = false

  const flush = (): void => {
    if (outgoing.length === 0) return
    const text = outgoing.join('')
    outgoing = []
    stream.write(text)
  }
  const send = (frame: string): void => {
    if (stopped) return
    if (outgoing.length === 0) queueMicrotask(flush)
    outgoing.push(`${frame}\n`)
  }

  let batch: Frame[] = []
  const decoder = new LineDecoder(Number.MAX_SAFE_INTEGER, (line) => batch.push(readFrame(line)))
  const onData = (chunk: Buffer): void => {
    decoder.push(chunk)
    const frames = batch
    batch = []
    if (!stopped) serveBatch(frames)
  }

  const serveBatch = (frames: Frame[]): void => {
    const replies: { frame: Frame; event: WireEvent; results: unknown[] | Promise<unknown[]> }[] = []
    try {
      core.journal.tx(() => {
        for (const frame of frames) {
          if (frame.kind !== 'Q') serveOther(frame)
          else {
            const event = toWireEvent(frame, connections)
            replies.push({ frame, event, results: handleEvent(core, event) })
          }
        }
      })
    } catch (error) {
      // The commit itself failed (no room, fenced): nothing of the batch was kept, so nothing of it may be acknowledged.
      for (const reply of replies) reply.results = [toErrorData(core, reply.event.event, error)]
    }
    for (const { frame, event, results } of replies) {
      if (results instanceof Promise) void results.then((late) => reply(frame, event, late))
      else reply(frame, event, results)
    }
  }

  const reply = (frame: Frame, event: WireEvent, results: unknown[]): void => {
    send(`R ${frame.fields[0]} ${frame.fields[1]} ${dataReply(results, event)}`)
  }

  const serveOther = ({ kind, fields, json }: Frame): void => {
    const connection = Number(fields[0])
    switch (kind) {
      case 'C':
        connections.set(connection, JSON.parse(json) as ConnectionInfo)
        return
      case 'X':
        connections.delete(connection)
        listener.closed(connection)
        return
      case 'S':
        listener.restoreSubscription(connection, Number(fields[1]), parseObject(json) ?? {})
        return
      case 'Z':
      case 'W':
        listener.paused(connection, kind === 'Z')
        return
      default:
        core.log.warn({ kind }, 'unknown frame on the relay')
    }
  }

  stream.on('data', onData)
  return {
    send,
    stop() {
      flush()
      stopped = true
      stream.off('data', onData)
      // Keeps draining, so that nothing old waits in the stream if this generation is called back.
      stream.resume()
    },
  }
}

interface WireEvent {
  event: string
  data: Record<string, unknown>
  context: EventContext
  again: boolean
  correlation_id: unknown
}

function toWireEvent(frame: Frame, connections: Map<number, ConnectionInfo>): WireEvent {
  const [connection, , again, eventId] = frame.fields
  const message = parseObject(frame.json) ?? {}
  const id = Number(connection)
  const info = connections.get(id)
  const data = isObject(message.data) ? message.data : {}
  return {
    event: typeof message.event === 'string' ? message.event : '',
    data,
    again: again === '1',
    correlation_id: message.correlation_id ?? message._correlation_id ?? null,
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
