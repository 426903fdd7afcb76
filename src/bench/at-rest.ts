import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { Ksi } from '../testing/ksi.ts'
import { childrenOf } from '../testing/processes.ts'
import { makeProject } from '../testing/project.ts'
import { progress } from './table.ts'

const settleMs = 3_000
const watchMs = 10_000
/** Of the kernel's clock, in which /proc counts a process's time. */
const ticksPerSecond = 100

/** What ksi costs when nothing is asked of it; NaN where there is no /proc. */
export interface AtRest {
  /** of one core */
  cpuPercent: number
  /** proportional share of memory of all its processes, in MB: what is shared is counted once */
  memoryMb: number
  /** what the runner host and the spare runner have for themselves, in MB: without them it would be so much less */
  runnerMb: number
}

/** Looks at a ksi with its sidecar for ten seconds in which nothing happens. */
export async function measureAtRest(): Promise<AtRest> {
  progress('at rest')
  using project = makeProject({ changesReplies: true })
  const start = (): Promise<Ksi> =>
    Ksi.start(project, { KSI_SIDECAR: 'on', KSI_SIDECAR_PORT: '0', KSI_LOG_LEVEL: 'info' })
  {
    // The first start of a checkout has to strip the types of all files, which leaves processes larger than any other.
    await using first = await start()
    await first.untilStatus(({ spare }) => spare)
    await delay(settleMs)
  }
  await using ksi = await start()
  await ksi.untilStatus(({ spare }) => spare)
  await delay(settleMs)
  const main = ksi.process.pid ?? 0
  const children = childrenOf(main)
  const pids = [main, ...children.map(({ pid }) => pid)]
  const spare = children.findLast(({ command }) => command.includes('runner/main'))
  const host = children.find(({ command }) => command.includes('runner/host'))
  const before = sum(pids.map(cpuTicks))
  await delay(watchMs)
  const ticks = sum(pids.map(cpuTicks)) - before
  return {
    cpuPercent: (ticks / ticksPerSecond / (watchMs / 1_000)) * 100,
    memoryMb: sum(pids.map((pid) => memoryKb(pid, 'Pss'))) / 1_024,
    runnerMb: sum([host, spare].map((child) => memoryKb(child?.pid ?? 0, 'Pss_Anon'))) / 1_024,
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0)
}

function cpuTicks(pid: number): number {
  // The name, in brackets, may hold blanks: fields are counted from behind it.
  const fields = readProc(pid, 'stat')
    .replace(/^.*\) /s, '')
    .split(' ')
  return Number(fields[11]) + Number(fields[12])
}

function memoryKb(pid: number, what: 'Pss' | 'Pss_Anon'): number {
  return Number(new RegExp(`^${what}:\\s+(\\d+)`, 'm').exec(readProc(pid, 'smaps_rollup'))?.[1])
}

function readProc(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8')
  } catch {
    // Not Linux, or it has just ended: the sum is NaN then.
    return ''
  }
}
