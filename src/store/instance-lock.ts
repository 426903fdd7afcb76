import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import Database from 'better-sqlite3'
import { KsiError, systemCodeOf } from '../lib/errors.ts'

/** A lock that the kernel gives back when the process dies, however it dies. Keep the handle: it is the lock. */
export interface InstanceLock {
  release(): void
}

/**
 * Takes the lock files so that no second ksi works on the same folders: an exclusive SQLite transaction on each, which
 * also holds between containers that share a volume on one host.
 * @throws KsiError KSI_INSTANCE_RUNNING when another process has one of them
 */
export function lockInstance(paths: string[]): InstanceLock {
  const held: Database.Database[] = []
  const release = (): void => {
    for (const db of held.splice(0)) db.close()
  }
  for (const path of new Set(paths)) {
    try {
      mkdirSync(dirname(path), { recursive: true })
      const db = new Database(path, { timeout: 0 })
      held.push(db)
      db.pragma('journal_mode = MEMORY')
      db.exec('BEGIN EXCLUSIVE')
    } catch (error) {
      release()
      const code = systemCodeOf(error) ?? ''
      if (code.startsWith('SQLITE_BUSY')) {
        throw new KsiError(
          'KSI_INSTANCE_RUNNING',
          `Another ksi is already running on ${dirname(path)}. Use that one, stop it with "ksi stop", ` +
            'or give this one another KSI_ROOT.',
          { cause: error },
        )
      }
      throw new KsiError(
        'KSI_DB_NOT_WRITABLE',
        `${dirname(path)} cannot be written. Give the user of this process write access to it.`,
        { cause: error },
      )
    }
  }
  return { release }
}
