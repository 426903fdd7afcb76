import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { sleep } from '../../lib/backoff.ts'
import { systemCodeOf } from '../../lib/errors.ts'
import type { WordLog } from '../../lib/plain-log.ts'
import { birthOf } from '../orphans.ts'

/** A runner whose host is gone ends by itself, within its own deadline of 3 s; this is a little more. */
const waitMs = 3_500
const lookMs = 10

/**
 * Waits for the end of the runners whose host was killed, and ends what stays: two runners with the same conversation
 * must not run at once. Resolves when none is left.
 */
export async function endLeftRunners(dir: string, log: WordLog): Promise<void> {
  const until = performance.now() + waitMs
  for (const name of namesIn(dir)) {
    const [host, hostBirth, runner, birth] = name.split('_')
    if (birthOf(Number(host)) === hostBirth) continue
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

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if (systemCodeOf(error) !== 'ESRCH') throw error
  }
}

function namesIn(dir: string): string[] {
  try {
    return readdirSync(dir).filter((name) => /^\d+_\w*_\d+_\w+$/.test(name))
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return []
    throw error
  }
}
