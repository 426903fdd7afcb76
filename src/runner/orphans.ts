import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { birthOf } from '../lib/birth-of.ts'
import { systemCodeOf } from '../lib/errors.ts'
import type { WordLog } from '../lib/plain-log.ts'

/*
 * A runner that is killed cannot end the programs it has started, and a program that lives on would answer a
 * conversation whose next request is already running. So every such program is noted in a file, and the next runner
 * ends those whose runner is gone. A process id alone says nothing, it may have been given anew: the time of the
 * process's birth goes with it.
 */

/** Notes the programs that were started. */
export interface ChildRegister {
  /** Notes a process group; the function returned strikes it out again. */
  add(pid: number): () => void
}

/** Sends a signal to a process group; one that is gone is no error. */
export function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal)
  } catch (error) {
    // EPERM is what macOS says of a group of which only zombies are left.
    if (!['ESRCH', 'EPERM'].includes(systemCodeOf(error) ?? '')) throw error
  }
}

/**
 * A register in a folder: an empty file for each program, named by runner and program. Trouble with it is logged, not
 * thrown.
 */
export function openChildRegister(dir: string, log: WordLog): ChildRegister {
  const own = `${process.pid}_${birthOf(process.pid) ?? ''}`
  return {
    add(pid) {
      const birth = birthOf(pid)
      if (birth === undefined) return () => {}
      const file = join(dir, `${own}_${pid}_${birth}`)
      try {
        mkdirSync(dir, { recursive: true })
        writeFileSync(file, '')
      } catch (error) {
        log.error({ err: error, pid }, 'a program could not be noted: should this runner be killed, it lives on')
      }
      return () => rmSync(file, { force: true })
    },
  }
}

/** Ends, with SIGKILL, the programs whose runner is gone. @returns how many there were */
export function endOrphans(dir: string, log: WordLog): number {
  let ended = 0
  for (const name of listRegister(dir)) {
    const [runner, runnerBirth, child, childBirth] = name.split('_')
    if (birthOf(Number(runner)) === runnerBirth) continue
    if (birthOf(Number(child)) === childBirth) {
      signalGroup(Number(child), 'SIGKILL')
      ended++
      log.warn({ pid: Number(child), runner: Number(runner) }, 'ended a program that a dead runner had left')
    }
    rmSync(join(dir, name), { force: true })
  }
  return ended
}

function listRegister(dir: string): string[] {
  try {
    return readdirSync(dir).filter((name) => /^\d+_\w*_\d+_\w+$/.test(name))
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return []
    throw error
  }
}
