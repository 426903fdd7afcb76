import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { once } from 'node:events'
import { after, before, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { median } from '../lib/statistics.ts'
import { Ksi } from '../testing/ksi.ts'
import { memoryOf } from '../testing/processes.ts'
import { makeProject } from '../testing/project.ts'
import type { Project } from '../testing/project.ts'
import type { WireClient } from '../testing/wire-client.ts'

const mb = 1024 * 1024
/** What a process may grow by, in MB. */
const growthMb = 300
const idle = 2_000

describe('clients that behave badly cost the others nothing, and memory stays bounded', () => {
  let project: Project
  let ksi: Ksi
  let sockets: Socket[]
  before(async () => {
    project = makeProject()
    ksi = await Ksi.start(project, { KSI_LOG_LEVEL: 'info' })
    sockets = []
  })
  after(async () => {
    for (const socket of sockets) socket.destroy()
    await ksi[Symbol.asyncDispose]()
    project[Symbol.dispose]()
  })

  const open = async (): Promise<Socket> => {
    const socket = connect(ksi.socket)
    sockets.push(socket)
    await once(socket, 'connect')
    // A client that is cut, which is one of the ends allowed here.
    socket.on('error', () => {})
    return socket
  }
  const openMany = (count: number): Promise<Socket[]> => Promise.all(Array.from({ length: count }, open))

  test('100 half lines of 100 KB, and lines of 64 MB without an end', async (t) => {
    await watched(t, ksi, async () => {
      const halves = await openMany(100)
      for (const socket of halves) socket.write('x'.repeat(100_000))
      const giants = await openMany(4)
      const told = giants.map(async (socket) => {
        const [line] = (await once(socket, 'data')) as [Buffer]
        assert.match(line.toString(), /KSI_LINE_TOO_LONG/)
      })
      const piece = Buffer.alloc(mb, 'y')
      for (let i = 0; i < 64; i++) for (const socket of giants) if (!socket.write(piece)) await once(socket, 'drain')
      await Promise.all(told)
    })
  })

  test('50 subscribers that never read, while far more is pushed than they may leave unread', async (t) => {
    await watched(t, ksi, async (client) => {
      const deaf = await openMany(50)
      for (const socket of deaf) {
        socket.write('{"event":"monitor:subscribe","data":{"event_patterns":["*"]}}\n')
        // Connections have no order among them: only the reply says that what comes next is pushed to this one.
        await once(socket, 'data')
        socket.pause()
      }
      const prompt = 'z'.repeat(100_000)
      for (let round = 0; round < 10; round++)
        await Promise.all(
          Array.from({ length: 8 }, (_, i) => client.request('completion:async', { prompt, session_id: `loud-${i}` })),
        )
      const done = async (): Promise<boolean> => {
        const { status_counts: counts } = (await client.request('completion:status')) as {
          status_counts: Record<string, number>
        }
        return counts.completed === 80
      }
      while (!(await done())) await delay(20)
      // They read after all: what they had missed comes from the journal.
      const late = deaf[0]
      let bytes = 0
      late?.on('data', (chunk: Buffer) => (bytes += chunk.length))
      late?.resume()
      for (const limit = performance.now() + 5_000; bytes < 80 * prompt.length && performance.now() < limit;)
        await delay(20)
      assert.ok(bytes > 80 * prompt.length, `a late reader got ${bytes} bytes`)
      for (const socket of deaf) socket.destroy()
    })
  })

  test(`${idle} connections that say nothing`, { skip: tooFewFiles() }, async (t) => {
    await watched(t, ksi, async (client) => {
      for (let i = 0; i < idle; i += 100) await openMany(100)
      // The system says that a connection is made before the front has taken it in.
      await ksi.untilStatus(({ connections }) => connections >= idle, 5_000)
      // A swap tells the next generation of each of them.
      assert.equal((await client.request('system:reload')).status, 'reloaded')
      await delay(300)
    })
  })
})

/**
 * Runs `work` beside a client that asks for its health all the time; prints how long that took and what memory grew by.
 */
async function watched(
  t: { diagnostic(text: string): void },
  ksi: Ksi,
  work: (client: WireClient) => Promise<void>,
): Promise<void> {
  using client = await ksi.client()
  const pids = [ksi.process.pid ?? 0, await ksi.livePid()]
  const before = pids.map(memoryOf)
  const highest = pids.map(() => 0)
  const replies: number[] = []
  const done = new AbortController()
  const asking = (async (): Promise<void> => {
    using other = await ksi.client()
    while (!done.signal.aborted) {
      const begun = performance.now()
      await other.request('system:health')
      replies.push(performance.now() - begun)
      for (const [i, pid] of pids.entries()) highest[i] = Math.max(highest[i] ?? 0, memoryOf(pid)?.now ?? 0)
      await delay(5)
    }
  })()
  try {
    await work(client)
  } finally {
    done.abort()
    await asking
  }
  const grown = pids.map((_, i) => (highest[i] ?? 0) - (before[i]?.now ?? 0))
  t.diagnostic(
    `another client: ${replies.length} replies, median ${median(replies).toFixed(1)} ms, ` +
      `slowest ${Math.max(...replies).toFixed(0)} ms; supervisor ${grown[0]} MB, generation ${grown[1]} MB more`,
  )
  assert.ok(median(replies) < 250, 'the others are served')
  assert.ok(
    grown.every((more) => more < growthMb),
    `memory grew by ${grown.join(' and ')} MB`,
  )
  assert.equal((await ksi.status()).crashes, 0)
}

/** Each connection costs a file at both ends; the ends inherit the limit of this shell. */
function tooFewFiles(): string | false {
  const limit = execFileSync('sh', ['-c', 'ulimit -n'], { encoding: 'utf8' }).trim()
  return limit === 'unlimited' || Number(limit) > idle + 500
    ? false
    : `ulimit -n is ${limit}: raise it to ${idle + 500} for this`
}
