import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { sleep } from '../../lib/backoff.ts'
import { systemCodeOf } from '../../lib/errors.ts'
import type { WordLog } from '../../lib/plain-log.ts'
import { birthOf } from '../../lib/birth-of.ts'

/** A runner whose host is gone ends by itself, within its own deadline of 3 s; this is a little more. */
const ownEndMs = 3_500
const lookMs = 10

/**
 * Waits for the end of the runners a host before this one has left, and ends what stays: two runners with the same
 * conversation must not run at once. There is one host to a folder, so whatever is noted there is of another.
 * Resolves when none is left.
 */
export async function endLeftRunners(dir: string, log: WordLog, waitMs = ownEndMs): Promise<void> {
  const until = performance.now() + waitMs
  for (const name of namesIn(dir)) {
    const [, , runner, birth] = name.split('_')
    const pid = Number(runner)
    while (birthOf(pid) === birth && performance.now() < until) await sleep(lookMs)
    if (birthOf(pid) === birth) {
      log.warn({ pid }, 'a runner of a host that is gone did not end and is killed')
      kill(pid)
      while (birthOf(pid) === birth) await sleep(lookMs)
    }
    rmSync(join(dir, name), { force: true })
  }
}

/** Removes the sockets that runners and hosts which were killed have left: on a volume they would stay for ever. */
export function removeSockets(dir: string): void {
  for (const name of list(dir)) if (name.endsWith('.sock')) rmSync(join(dir, name), { force: true })
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if (systemCodeOf(error) !== 'ESRCH') throw error
  }
}

function namesIn(dir: string): string[] {
  return list(dir).filter((name) => /^\d+_\w*_\d+_\w+$/.test(name))
}

function list(dir: string): string[] {
  try {
    return readdirSync(dir)
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return []
    throw error
  }
}
