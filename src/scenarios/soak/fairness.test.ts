import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { once } from 'node:events'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { largest, median, quantile } from '../../lib/statistics.ts'
import { Ksi } from '../../testing/ksi.ts'
import type { Asked } from '../../testing/asker.ts'
import { memoryOf } from '../../testing/processes.ts'
import { makeProject } from '../../testing/project.ts'
import type { Project } from '../../testing/project.ts'

const mb = 1_048_576
/** So long, in ms, another client is watched alone: what the machine itself makes it wait is not the attack's doing. */
const aloneMs = 2_000
/** So long, in ms, large lines are sent. */
const writeMs = 3_000

interface Limits {
  /** ms that the attack may cost another in the slowest of a hundred: beyond what these take without it */
  p99: number
  /** MB, of supervisor and generation together */
  memory?: number
}

describe('what one client does costs another little', () => {
  let project: Project
  let ksi: Ksi
  const sockets: Socket[] = []
  beforeEach(async () => {
    project = makeProject()
    ksi = await Ksi.start(project, { KSI_LOG_LEVEL: 'info' })
  })
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy()
    await ksi[Symbol.asyncDispose]()
    project[Symbol.dispose]()
  })

  const open = async (reads: boolean): Promise<Socket> => {
    const socket = connect(ksi.socket)
    sockets.push(socket)
    socket.on('error', () => {})
    await once(socket, 'connect')
    if (reads) socket.resume()
    return socket
  }
  const line = (event: string, data: unknown = {}): string => `${JSON.stringify({ event, data })}\n`

  /** Sends a line again and again, for `writeMs`, as fast as it is taken. */
  const write = async (socket: Socket, text: string): Promise<void> => {
    for (const end = Date.now() + writeMs; Date.now() < end;) if (!socket.write(text)) await once(socket, 'drain')
  }

  /** Another client asks all the time while `work` goes on for `ms`. */
  async function beside(
    t: { diagnostic(text: string): void },
    limits: Limits,
    ms: number,
    work: () => Promise<void>,
  ): Promise<void> {
    const pids = [ksi.process.pid ?? 0, await ksi.livePid()]
    const alone: number[] = []
    const replies: number[] = []
    let now = alone
    let memory = [0, 0]
    const asker = fork(new URL('../../testing/asker.ts', import.meta.url), [
      ksi.socket,
      'completion:status',
      '{"request_id":"nobody"}',
    ])
    asker.on('message', ({ took }: Asked) => {
      now.push(took)
      memory = pids.map((pid, i) => Math.max(memory[i] ?? 0, memoryOf(pid)?.now ?? 0))
    })
    await once(asker, 'message')
    await delay(aloneMs)
    now = replies
    await work()
    await delay(ms)
    asker.disconnect()
    await once(asker, 'exit')
    for (const socket of sockets.splice(0)) socket.destroy()
    const [before, p99] = [quantile(alone, 0.99), quantile(replies, 0.99)]
    t.diagnostic(
      `${replies.length} replies to another: median ${median(replies).toFixed(1)}, p99 ${p99.toFixed(1)} ` +
        `(without: ${before.toFixed(1)}), slowest ${largest(replies).toFixed(0)} ms; ` +
        `supervisor ${memory[0]} MB, generation ${memory[1]} MB`,
    )
    assert.ok(p99 - before <= limits.p99, `p99 ${p99} ms, without the attack ${before} ms`)
    const together = (memory[0] ?? 0) + (memory[1] ?? 0)
    if (limits.memory !== undefined) assert.ok(together < limits.memory, `${together} MB`)
    assert.equal((await ksi.status()).crashes, 0)
  }

  test('one that pipelines as many requests as it can', async (t) => {
    await beside(t, { p99: 50 }, 2_000, async () => {
      const socket = await open(true)
      socket.write(line('completion:status').repeat(50_000))
    })
  })

  test('one that sends lines of 8 MB', async (t) => {
    const large = line('completion:status', { request_id: 'x'.repeat(8 * mb - 200) })
    await beside(t, { p99: 50, memory: 600 }, 0, async () => write(await open(true), large))
  })

  test('three that send lines of 8 MB', async (t) => {
    const large = line('completion:status', { request_id: 'x'.repeat(8 * mb - 200) })
    await beside(t, { p99: 150, memory: 600 }, 0, async () => {
      const all = await Promise.all([open(true), open(true), open(true)])
      await Promise.all(all.map((socket) => write(socket, large)))
    })
  })

  test('100 subscribers of everything', async (t) => {
    await beside(t, { p99: 50 }, 1_000, async () => {
      for (let i = 0; i < 100; i++) (await open(true)).write(line('monitor:subscribe'))
      const sender = await open(true)
      for (let i = 0; i < 300; i++) {
        sender.write(line('completion:async', { prompt: 'x'.repeat(500), session_id: `s${i % 20}` }))
        await delay(3)
      }
    })
  })

  test('100 that ask for 2,000 discoveries each and read them', async (t) => {
    await beside(t, { p99: 50, memory: 600 }, 4_000, async () => {
      const lines = line('system:discover').repeat(2_000)
      for (let i = 0; i < 100; i++) (await open(true)).write(lines)
    })
  })

  test('300 that ask for as much and read nothing', async (t) => {
    await beside(t, { p99: 50, memory: 600 }, 3_000, async () => {
      const lines = line('system:discover').repeat(2_000)
      for (let i = 0; i < 300; i++) (await open(false)).write(lines)
    })
  })

  test('one that asks for 700 replies of a megabyte and reads nothing', async (t) => {
    using client = await ksi.client()
    await client.request('completion:async', { prompt: 'x'.repeat(mb), request_id: 'big' })
    await client.request('completion:wait', { request_id: 'big' })
    await beside(t, { p99: 50, memory: 600 }, 1_000, async () => {
      const socket = await open(false)
      socket.write(line('completion:status', { request_id: 'big' }).repeat(700))
    })
  })
})
