import { execFileSync } from 'node:child_process'
import { readFileSync, readdirSync } from 'node:fs'
import { systemCodeOf } from '../lib/errors.ts'

/** The processes whose command line names a file under this folder: those of the ksi in it. This one is left out. */
export function processesUnder(folder: string): number[] {
  return commandLines()
    .filter(([pid, line]) => pid !== process.pid && line.includes(`${folder}/`))
    .map(([pid]) => pid)
}

/** Kills these; one that is gone is no error. */
export function killAll(pids: readonly number[]): void {
  for (const pid of pids)
    try {
      process.kill(pid, 'SIGKILL')
    } catch (error) {
      if (systemCodeOf(error) !== 'ESRCH') throw error
    }
}

function commandLines(): [number, string][] {
  try {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map((name) => [Number(name), commandLineOf(name)])
  } catch {
    // No /proc here (macOS).
    return execFileSync('ps', ['-Ao', 'pid=,args='], { encoding: 'utf8' })
      .split('\n')
      .map((line) => [Number.parseInt(line), line])
  }
}

function commandLineOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
  } catch {
    // Gone meanwhile.
    return ''
  }
}
