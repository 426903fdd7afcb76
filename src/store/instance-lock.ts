import { mkdirSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import Database from 'better-sqlite3'
import { KsiError, systemCodeOf } from '../lib/errors.ts'

/** A lock that the kernel gives back when the process dies, however it dies. Keep the handle: it is the lock. */
export interface InstanceLock {
  /**
   * Takes the lock files again that were removed or replaced since.
   * @throws KsiError KSI_INSTANCE_RUNNING when another process has one by now, KSI_DB_NOT_WRITABLE
   */
  keep(): void
  release(): void
}

/**
 * Takes the lock files so that no second ksi works on the same folders: an exclusive SQLite transaction on each, which
 * also holds between containers that share a volume on one host.
 * @throws KsiError KSI_INSTANCE_RUNNING when another process has one of them
 */
export function lockInstance(paths: string[]): InstanceLock {
  const held = new Map<string, Held>()
  const release = (): void => {
    for (const { db } of held.values()) db.close()
    held.clear()
  }
  const keep = (): void => {
    for (const path of new Set(paths)) {
      const lock = held.get(path)
      if (lock !== undefined && lock.inode === inodeOf(path)) continue
      // The old one is left open until the new one is held: to close it says nothing to anybody.
      held.set(path, takeLock(path))
      lock?.db.close()
    }
  }
  try {
    keep()
  } catch (error) {
    release()
    throw error
  }
  return { keep, release }
}

interface Held {
  db: Database.Database
  inode: number | undefined
}

function inodeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.ino
}

function takeLock(path: string): Held {
  let db: Database.Database | undefined
  try {
    mkdirSync(dirname(path), { recursive: true })
    db = new Database(path, { timeout: 0 })
    db.pragma('journal_mode = MEMORY')
    db.exec('BEGIN EXCLUSIVE')
    return { db, inode: inodeOf(path) }
  } catch (error) {
    db?.close()
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
