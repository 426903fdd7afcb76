import { readFileSync } from 'node:fs'

/** The kernel counts CPU time for others in hundredths of a second, whatever its own clock. */
const tickMs = 10

/**
 * CPU time a process has used so far, in ms, to 10 ms; undefined where there is no /proc, or no such process. It tells
 * an endless loop from a process that was stopped, or a machine that stood still.
 */
export function cpuMsOf(pid: number | undefined): number | undefined {
  return pid === undefined ? undefined : readStat(`/proc/${pid}/stat`)?.cpuMs
}

/** What a process's main thread does at this moment, and the CPU time, in ms, it has used so far. */
export interface ThreadUse {
  readonly cpuMs: number
  /** It was stopped, by a signal or a tracer. */
  readonly stopped: boolean
  /** It waits within the system for something that is not another thread's, process's or connection's: for a disk. */
  readonly waitsForDisk: boolean
}

/** Waits for an event, a lock or a pipe: whoever waits so has been told to by its own code. */
const ownWaits =
  /^(do_)?(futex|ep_poll|epoll|poll|sys_poll|select|pipe|anon_pipe|unix_stream|sock|wait|pause|sigsuspend)/

/** Looks at the main thread of a process; undefined where there is no /proc, or no such process. */
export function mainThreadOf(pid: number | undefined): ThreadUse | undefined {
  if (pid === undefined) return undefined
  const stat = readStat(`/proc/${pid}/task/${pid}/stat`)
  if (stat === undefined) return undefined
  const { state, cpuMs } = stat
  const waitsForDisk = state === 'D' || (state === 'S' && !ownWaits.test(waitOf(pid)))
  return { cpuMs, stopped: state === 'T' || state === 't', waitsForDisk }
}

function readStat(path: string): { state: string | undefined; cpuMs: number } | undefined {
  try {
    const stat = readFileSync(path, 'utf8')
    // proc(5): the command, in brackets, may hold anything; after it comes the state, utime and stime are the 12th and
    // 13th field.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const ticks = Number(fields[11]) + Number(fields[12])
    return Number.isFinite(ticks) ? { state: fields[0], cpuMs: ticks * tickMs } : undefined
  } catch {
    return undefined
  }
}

/** The function of the kernel in which it waits. Where that is not told, it is taken to be its own wait. */
function waitOf(pid: number): string {
  try {
    const name = readFileSync(`/proc/${pid}/wchan`, 'utf8')
    return name === '' || name === '0' ? 'wait' : name.replace(/^_+/, '')
  } catch {
    return 'wait'
  }
}
