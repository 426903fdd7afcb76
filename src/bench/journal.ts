/*
 * What the journal costs, beside the bare SQLite floor, in one sitting: `npm run bench:journal`.
 */
import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { median } from '../lib/statistics.ts'
import { Ksi } from '../testing/ksi.ts'
import { makeProject } from '../testing/project.ts'
import type { Project } from '../testing/project.ts'
import { measureFloor } from './journal-floor.ts'
import { fillWaiting } from './journal-waiting.ts'
import { sendPipelined } from './pipeline.ts'
import { layOut, progress, show } from './table.ts'
import { watchWal } from './wal-watch.ts'

const conversations = 1_000
const journalFile = 'var/db/dev_checkpoint.db'

export interface JournalFigures {
  /** ms of one acknowledged request after the other, median */
  single: number
  /** acknowledged requests a second, sent without waiting */
  pipelined: number
  /** completed requests a second, from the first line to the last outcome */
  completed: number
  /** bytes written into the WAL for each request, from its line to its outcome */
  walBytes: number
  /** commits for each request */
  commits: number
}

const line = (i: number, latencyMs = 0): string =>
  JSON.stringify({
    event: 'completion:async',
    data: {
      prompt: `say ${i}`,
      session_id: `s${i % conversations}`,
      extra_body: { echo: { latency_ms: latencyMs } },
    },
  })

/** Measures a ksi in projects of its own. */
export async function measureJournal(make: () => Project, env: NodeJS.ProcessEnv = {}): Promise<JournalFigures> {
  using one = make()
  const single = await measureSingle(one, env)
  using project = make()
  await using ksi = await Ksi.start(project, { KSI_LOG_LEVEL: 'warn', ...env })
  const total = conversations * 10
  await drain(ksi, () => sendPipelined(ksi.socket, conversations, (i) => line(i)))
  const wal = watchWal(project.path(journalFile))
  const begun = performance.now()
  await drain(ksi, () => sendPipelined(ksi.socket, total, (i) => line(i)))
  const seconds = (performance.now() - begun) / 1_000
  const { bytes, commits } = wal.stop()
  const pipelined: number[] = []
  for (let batch = 0; batch < 4; batch++)
    pipelined.push((total / (await sendPipelined(ksi.socket, total, (i) => line(i, 600_000)))) * 1_000)
  return {
    single,
    pipelined: median(pipelined),
    completed: total / seconds,
    walBytes: bytes / total,
    commits: commits / total,
  }
}

async function measureSingle(project: Project, env: NodeJS.ProcessEnv): Promise<number> {
  await using ksi = await Ksi.start(project, { KSI_LOG_LEVEL: 'warn', KSI_MAX_CONCURRENT: '1', ...env })
  using client = await ksi.client()
  const times: number[] = []
  for (let i = 0; i < 600; i++) {
    const { data } = JSON.parse(line(i, 600_000)) as { data: Record<string, unknown> }
    const begun = performance.now()
    await client.request('completion:async', data)
    times.push(performance.now() - begun)
  }
  return median(times.slice(100))
}

/** Sends work and waits until nothing runs and nothing is queued but what waits for another try. */
async function drain(ksi: Ksi, send: () => Promise<number>, waiting = 0): Promise<void> {
  using client = await ksi.client()
  await send()
  for (;;) {
    const { queued, processing } = await client.request('system:health')
    if (queued === waiting && processing === 0) return
    await delay(20)
  }
}

/** CPU time of the live generation, in ms, for each completed request while so many conversations wait for a retry. */
export async function measureWaiting(project: Project, waiting: number): Promise<{ cpu: number; reply: number }> {
  fillWaiting(project.path(journalFile), waiting)
  await using ksi = await Ksi.start(project, { KSI_LOG_LEVEL: 'warn' })
  using client = await ksi.client()
  const pid = await ksi.livePid()
  const [total, perSecond] = [600, 120]
  const before = cpuMs(pid)
  const replies: number[] = []
  for (let i = 0; i < total; i++) {
    const begun = performance.now()
    await client.request('completion:async', { prompt: 'x', session_id: `load${i % 50}` })
    replies.push(performance.now() - begun)
    await delay(Math.max(0, 1_000 / perSecond - (performance.now() - begun)))
  }
  await drain(ksi, async () => 0, waiting)
  return { cpu: (cpuMs(pid) - before) / total, reply: median(replies) }
}

/** ms of a process, by the kernel's clock of 100 ticks a second. */
function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) * 10
}

async function main(): Promise<void> {
  using place = makeProject({ changesReplies: true })
  progress('the bare floor')
  const floor = await measureFloor(place.path('floor.db'))
  progress('acknowledged means on disk')
  const disk = await measureJournal(makeProject, { KSI_DURABILITY: 'disk' })
  progress('acknowledged means committed')
  const committed = await measureJournal(makeProject, { KSI_DURABILITY: 'process' })
  const row = (name: string, of: (figures: JournalFigures) => number, bare: number): string[] => [
    name,
    show(bare),
    show(of(disk)),
    show(of(committed)),
  ]
  const rows = [
    row('enqueue one by one, ms (floor: commit and sync)', ({ single }) => single, floor.syncMs),
    row('enqueue pipelined, /s (floor: rows of a request, 100 a commit)', (f) => f.pipelined, floor.rowsPerSecond),
    row('completed end to end, 1,000 conversations, /s', ({ completed }) => completed, Number.NaN),
    row('WAL per completed request, KB', ({ walBytes }) => walBytes / 1_000, floor.walBytes / 1_000),
    row('commits per completed request', ({ commits }) => commits, Number.NaN),
  ]
  process.stdout.write(`${layOut(['', 'bare SQLite', 'disk', 'process'], rows)}\n\n`)
  const waiting: string[][] = []
  for (const count of [1_000, 100_000]) {
    using third = makeProject({ changesReplies: true })
    progress(`${count} conversations wait for another try`)
    const { cpu, reply } = await measureWaiting(third, count)
    waiting.push([count.toLocaleString('en-US'), show(cpu), show(reply)])
  }
  const head = ['conversations waiting', 'CPU of a completed request, ms', 'reply, ms']
  process.stdout.write(`${layOut(head, waiting)}\n`)
}

if (import.meta.main) await main()
