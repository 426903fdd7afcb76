import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** What tells a process from any other that ever had its id; `undefined` when it is gone. */
export function birthOf(pid: number): string | undefined {
  try {
    if (process.platform !== 'linux')
      return (
        execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).replaceAll(
          /[^A-Za-z0-9]/g,
          '',
        ) || undefined
      )
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // proc(5): the command, in brackets, may hold anything; after it the state is the first field, starttime the 20th.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' ? undefined : fields[19]
  } catch {
    // No such process, or no ps to ask: then nothing is known of it, and nothing is done to it.
    return undefined
  }
}
