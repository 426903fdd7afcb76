import { mkdirSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import Database from 'better-sqlite3'
import { KsiError, messageOf, systemCodeOf } from '../lib/errors.ts'
import { sharedFileSystem } from '../lib/file-system.ts'

export type Db = Database.Database

/** Where a journal keeps its database: for the store itself, and its tests. */
export const handle = Symbol('the database of a journal')

/** How long a writer waits for another connection. */
export const busyTimeoutMs = 5_000

/** WAL where the file system's shared memory can be trusted, DELETE elsewhere. */
function journalModeFor(dir: string): 'WAL' | 'DELETE' {
  return sharedFileSystem(dir) === undefined ? 'WAL' : 'DELETE'
}

/**
 * How SQLite itself syncs: a WAL is synced by us, for many commits at once (wal-sync.ts); without one each commit is.
 */
export function syncLevelOf(mode: 'WAL' | 'DELETE'): 'NORMAL' | 'FULL' {
  return mode === 'WAL' ? 'NORMAL' : 'FULL'
}

/**
 * Opens the journal's file for writing, making its folder if need be.
 * @throws KsiError KSI_DB_NOT_WRITABLE when the file or its folder cannot be written; SQLite's own error when it is
 * damaged
 */
export function openForWriting(path: string): { db: Db; mode: 'WAL' | 'DELETE' } {
  let db: Db | undefined
  try {
    mkdirSync(dirname(path), { recursive: true })
    const mode = journalModeFor(dirname(path))
    const isNew = (statSync(path, { throwIfNoEntry: false })?.size ?? 0) === 0
    db = new Database(path, { timeout: busyTimeoutMs })
    // In a file that is new: what goes gives its pages back, a few at a time.
    if (isNew) db.pragma('auto_vacuum = INCREMENTAL')
    db.pragma(`journal_mode = ${mode}`)
    db.pragma(`synchronous = ${syncLevelOf(mode)}`)
    db.pragma('temp_store = MEMORY')
    db.pragma('cache_size = -16000')
    db.pragma('wal_autocheckpoint = 2000')
    // Fails now, and not at the first request, where the file or the folder is read-only.
    db.exec('BEGIN IMMEDIATE; COMMIT')
    return { db, mode }
  } catch (error) {
    db?.close()
    throw explainOpenError(error, path)
  }
}

/** Opens the journal's file for reading only. @throws SQLite's own error, as SQLITE_CANTOPEN */
export function openForReading(path: string): Db {
  return new Database(path, { readonly: true, fileMustExist: true, timeout: 250 })
}

/** True for the errors that say: this is no (whole) SQLite file. */
export function isDamage(error: unknown): boolean {
  const code = systemCodeOf(error) ?? ''
  return code === 'SQLITE_NOTADB' || code.startsWith('SQLITE_CORRUPT')
}

/** True for the errors that say: there is no room. */
export function isDiskFull(error: unknown): boolean {
  const code = systemCodeOf(error) ?? ''
  return code === 'SQLITE_FULL' || code === 'ENOSPC' || code === 'EDQUOT' || code === 'SQLITE_IOERR_WRITE'
}

function explainOpenError(error: unknown, path: string): unknown {
  const code = systemCodeOf(error) ?? ''
  if (isDamage(error) || error instanceof KsiError) return error
  if (isDiskFull(error))
    return new KsiError(
      'KSI_DISK_FULL',
      `There is no room left for the journal ${path}. Free some space and start again.`,
      { cause: error },
    )
  if (/^(SQLITE_CANTOPEN|SQLITE_READONLY|SQLITE_PERM|EACCES|EPERM|EROFS|ENOTDIR|EEXIST)/.test(code)) {
    const message =
      `The journal ${path} cannot be written (${messageOf(error)}). ` +
      `Give the user of this process write access to ${dirname(path)}.`
    return new KsiError('KSI_DB_NOT_WRITABLE', message, { cause: error })
  }
  return error
}
