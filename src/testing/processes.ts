import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

interface Process {
  pid: number
  command: string
}

/** The processes this one has started, with what was started, and those that they have started. */
export function childrenOf(pid: number): Process[] {
  const children = new Map<number, Process[]>()
  for (const line of execFileSync('ps', ['-Ao', 'pid=,ppid=,args='], { encoding: 'utf8' }).split('\n')) {
    const [, own, parent, command = ''] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? []
    children.set(Number(parent), [...(children.get(Number(parent)) ?? []), { pid: Number(own), command }])
  }
  const under = (parent: number): Process[] =>
    (children.get(parent) ?? []).flatMap((child) => [child, ...under(child.pid)])
  return under(pid)
}

/** Sends a signal; false when there is no such process any more. */
export function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    process.kill(pid, name)
    return true
  } catch {
    return false
  }
}

/**
 * Resident memory of a process now and at its highest, in MB; undefined where there is no /proc, or no such process.
 */
export function memoryOf(pid: number): { now: number; highest: number } | undefined {
  try {
    return parseMemory(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return undefined
  }
}

/**
 * Memory of a process and all it has started, in MB, what they share counted once; undefined where there is no /proc.
 */
export function memoryOfAll(pid: number): number | undefined {
  const shares = [pid, ...childrenOf(pid).map((child) => child.pid)].map(shareOf).filter((kB) => kB > 0)
  return shares.length === 0 ? undefined : Math.round(shares.reduce((sum, kB) => sum + kB, 0) / 1024)
}

/** Its proportional share, in kB; 0 when it cannot be known. */
function shareOf(pid: number): number {
  try {
    return Number(/^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0)
  } catch {
    return 0
  }
}

/** Takes them out of the text of /proc/…/status. */
export function parseMemory(status: string): { now: number; highest: number } {
  const kB = (name: string): number => Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1])
  return { now: Math.round(kB('VmRSS') / 1024), highest: Math.round(kB('VmHWM') / 1024) }
}
