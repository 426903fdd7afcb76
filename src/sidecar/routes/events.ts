import type { ServerResponse } from 'node:http'
import type { FastifyInstance } from 'fastify'
import { sendProblem } from '../problem.ts'
import type { Snapshot, StatusHub } from '../status-hub.ts'

const maxStreams = 100

/** `/events`: server-sent events, the whole document as `snapshot` at once and after each change. */
export async function eventRoutes(
  server: FastifyInstance,
  options: { hub: StatusHub; pingMs: number; headers: Record<string, string> },
): Promise<void> {
  const { hub, pingMs, headers } = options
  const open = new Set<ServerResponse>()
  server.get('/events', { exposeHeadRoute: false }, async (_request, reply) => {
    if (open.size >= maxStreams) {
      const detail = `${maxStreams} streams are open already: close a page, or ask /status now and then.`
      return sendProblem(reply.header('retry-after', '10'), {
        status: 503,
        code: 'KSI_QUEUE_FULL',
        title: 'Too many streams',
        detail,
      })
    }
    reply.hijack()
    const { raw } = reply
    raw.writeHead(200, {
      ...headers,
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    })
    raw.write('retry: 2000\n\n')
    open.add(raw)
    const end = stream(raw, hub, pingMs)
    raw.on('close', () => {
      end()
      open.delete(raw)
    })
    raw.on('error', () => raw.destroy())
    return reply
  })
  server.addHook('preClose', async () => {
    for (const raw of open) raw.end()
  })
}

/**
 * Writes documents to one client, never ahead of what it takes: while its buffer is full only the newest one waits, so
 * a slow client skips documents and costs no memory. One that takes nothing from ping to ping is cut off.
 */
function stream(raw: ServerResponse, hub: StatusHub, pingMs: number): () => void {
  let waiting: Snapshot | undefined
  let stuck = false
  const send = (snapshot: Snapshot): void => {
    if (raw.writableNeedDrain) waiting = snapshot
    else raw.write(`id: ${snapshot.id}\nevent: snapshot\ndata: ${snapshot.json}\n\n`)
  }
  raw.on('drain', () => {
    stuck = false
    const next = waiting
    waiting = undefined
    if (next) send(next)
  })
  const ping = setInterval(() => {
    if (!raw.writableNeedDrain) raw.write(': ping\n\n')
    else if (stuck) raw.destroy()
    else stuck = true
  }, pingMs)
  const { first, end } = hub.subscribe(send)
  send(first)
  return () => {
    clearInterval(ping)
    end()
  }
}
