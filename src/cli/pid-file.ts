import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { systemCodeOf } from '../lib/errors.ts'

/**
 * The process that a pid file names, when it is alive and is a supervisor: a number may have gone to another process.
 */
export function readSupervisorPid(pidFile: string): number | undefined {
  let pid: number
  try {
    pid = Number(readFileSync(pidFile, 'utf8').trim())
  } catch {
    // No file: nothing runs here, or it ended cleanly.
    return undefined
  }
  return Number.isInteger(pid) && pid > 1 && isAlive(pid) && commandLine(pid).includes('supervisor/main.ts')
    ? pid
    : undefined
}

/** True while the process runs; one that has ended but that nobody has waited for (a zombie) does not. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    return systemCodeOf(error) === 'EPERM'
  }
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    // No /proc here (macOS): the signal has told.
    return true
  }
}

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    try {
      return execFileSync('ps', ['-p', String(pid), '-o', 'command='], { encoding: 'utf8' })
    } catch {
      return ''
    }
  }
}
