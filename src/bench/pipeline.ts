import { connect } from 'node:net'
import { once } from 'node:events'

/** Requests written ahead of each other, in one piece of text. */
const slice = 500

/**
 * Sends `count` lines over one connection without waiting for replies, and waits for as many reply lines.
 * The replies are only counted: parsing them would measure this process.
 * @returns ms from the first write to the last reply
 * @throws Error when the connection ends before
 */
export async function sendPipelined(socketPath: string, count: number, lineOf: (i: number) => string): Promise<number> {
  const socket = connect(socketPath)
  await once(socket, 'connect')
  const begun = performance.now()
  let replies = 0
  const done = new Promise<number>((resolve, reject) => {
    socket.on('data', (chunk: Buffer) => {
      for (let at = chunk.indexOf(10); at !== -1; at = chunk.indexOf(10, at + 1)) replies++
      if (replies >= count) resolve(performance.now() - begun)
    })
    socket.once('close', () => reject(new Error(`the connection ended after ${replies} of ${count} replies`)))
    socket.once('error', reject)
  })
  for (let sent = 0; sent < count; sent += slice) {
    const text = Array.from({ length: Math.min(slice, count - sent) }, (_, i) => `${lineOf(sent + i)}\n`).join('')
    if (!socket.write(text)) await Promise.race([once(socket, 'drain'), done])
  }
  const ms = await done
  socket.destroy()
  return ms
}

/**
 * Queues `queued` requests behind one long-running request in each of 20 conversations.
 * @returns ms it took
 */
export async function fillQueue(socketPath: string, queued: number): Promise<number> {
  const conversations = 20
  return sendPipelined(socketPath, queued + conversations, (i) =>
    asyncLine(`queue${i % conversations}`, `say ${i}`, 540_000),
  )
}

/** A `completion:async` line for the echo provider. */
export function asyncLine(session: string, prompt: string, latencyMs: number): string {
  return JSON.stringify({
    event: 'completion:async',
    data: { prompt, session_id: session, extra_body: { echo: { latency_ms: latencyMs } } },
  })
}
