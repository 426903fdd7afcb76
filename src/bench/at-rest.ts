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
}

/** Looks at a ksi with its sidecar for ten seconds in which nothing happens. */
export async function measureAtRest(): Promise<AtRest> {
  progress('at rest')
  using project = makeProject({ changesReplies: true })
  await using ksi = await Ksi.start(project, { KSI_SIDECAR: 'on', KSI_SIDECAR_PORT: '0', KSI_LOG_LEVEL: 'info' })
  await ksi.untilStatus(({ spare }) => spare)
  await delay(settleMs)
  const main = ksi.process.pid ?? 0
  const pids = [main, ...childrenOf(main).map(({ pid }) => pid)]
  const before = sum(pids.map(cpuTicks))
  await delay(watchMs)
  const ticks = sum(pids.map(cpuTicks)) - before
  return { cpuPercent: (ticks / ticksPerSecond / (watchMs / 1_000)) * 100, memoryMb: sum(pids.map(memoryKb)) / 1_024 }
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

function memoryKb(pid: number): number {
  return Number(/^Pss:\s+(\d+)/m.exec(readProc(pid, 'smaps_rollup'))?.[1])
}

function readProc(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8')
  } catch {
    // Not Linux, or it has just ended: the sum is NaN then.
    return ''
  }
}
