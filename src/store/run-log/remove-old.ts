import { steadyNow } from '../../lib/time.ts'
import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { systemCodeOf } from '../../lib/errors.ts'
import type { RetentionLimits } from './retention.ts'

interface Left {
  dir: string
  bytes: number
  /** epoch ms of the last record */
  at: number
}

/**
 * Removes the logs of runners that are no more, oldest first: those whose last record is older than `ageMs`, and more
 * while all of them together take over `bytes`.
 * @param logs the folder of all logs
 * @param isNeeded whether a runner lives, or something of it has not been taken in
 * @returns how many were removed
 * @throws the system's own error when one cannot be read or removed
 */
export async function removeOldLogs(
  logs: string,
  isNeeded: (runnerId: string) => boolean,
  { ageMs, bytes }: RetentionLimits,
): Promise<number> {
  const left: Left[] = []
  for (const name of await namesIn(logs)) {
    if (isNeeded(decodeURIComponent(name))) continue
    left.push(await lookAt(join(logs, name)))
  }
  left.sort((a, b) => a.at - b.at)
  let total = left.reduce((sum, log) => sum + log.bytes, 0)
  let removed = 0
  for (const log of left) {
    if (steadyNow() - log.at < ageMs && total <= bytes) break
    await rm(log.dir, { recursive: true, force: true })
    total -= log.bytes
    removed += 1
  }
  return removed
}

async function lookAt(dir: string): Promise<Left> {
  const left = { dir, bytes: 0, at: 0 }
  for (const name of await namesIn(dir)) {
    const { size, mtimeMs } = await stat(join(dir, name))
    left.bytes += size
    left.at = Math.max(left.at, mtimeMs)
  }
  return left
}

async function namesIn(dir: string): Promise<string[]> {
  try {
    return await readdir(dir)
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(systemCodeOf(error) ?? '')) return []
    throw error
  }
}
