import { readFileSync } from 'node:fs'

/** The kernel counts CPU time for others in hundredths of a second, whatever its own clock. */
const tickMs = 10

/**
 * CPU time a process has used so far, in ms, to 10 ms; undefined where there is no /proc, or no such process. It tells
 * an endless loop from a process that was stopped, or a machine that stood still.
 */
export function cpuMsOf(pid: number | undefined): number | undefined {
  if (pid === undefined) return undefined
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // proc(5): the command, in brackets, may hold anything; after it utime and stime are the 12th and 13th field.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const ticks = Number(fields[11]) + Number(fields[12])
    return Number.isFinite(ticks) ? ticks * tickMs : undefined
  } catch {
    return undefined
  }
}
