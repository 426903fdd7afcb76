import { mkdirSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import Database from 'better-sqlite3'
import { KsiError, messageOf, systemCodeOf } from '../lib/errors.ts'
import { sharedFileSystem } from '../lib/file-system.ts'

export type Db = Database.Database

/** Where a journal keeps its database: for the store itself, and its tests. */
export const handle = Symbol('the database of a journal')

/** How long a writer waits for another connection. */
const busyTimeoutMs = 5_000

/** WAL where the file system's shared memory can be trusted, DELETE elsewhere. */
function journalModeFor(dir: string): 'WAL' | 'DELETE' {
  return sharedFileSystem(dir) === undefined ? 'WAL' : 'DELETE'
}

/**
 * How SQLite itself syncs: a WAL is synced by us, for many commits at once (wal-sync.ts); without one each commit is.
 */
function syncLevelOf(mode: 'WAL' | 'DELETE'): 'NORMAL' | 'FULL' {
  return mode === 'WAL' ? 'NORMAL' : 'FULL'
}

/**
 * Connections that were opened for writing and not closed. They are held here since a connection that is collected as
 * garbage is closed, and the last close takes the WAL away by its name, whoever's it is by then.
 */
const connections = new Set<Db>()

/** The newest connection this process has to the journal of that name, also where its file is gone. */
export function connectionTo(path: string): Db | undefined {
  return [...connections].findLast(({ name }) => name === path)
}

/** Closes a connection that was opened for writing. */
export function closeForGood(db: Db): void {
  connections.delete(db)
  db.close()
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
    connections.add(db)
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

/** True for damage, and for rows that do not fit each other. */
export function isMisfit(error: unknown): boolean {
  return isDamage(error) || (systemCodeOf(error) ?? '').startsWith('SQLITE_CONSTRAINT')
}

/** True for the errors that say: there is no room. */
export function isDiskFull(error: unknown): boolean {
  const code = systemCodeOf(error) ?? ''
  // Without room for the WAL's index SQLite says the last of these.
  return /^(KSI_DISK_FULL|SQLITE_FULL|ENOSPC|EDQUOT|SQLITE_IOERR_SHMSIZE)$/.test(code)
}

/** True for the errors that say: the disk did not do what it was asked to. Whether it is full it does not tell. */
function isDiskError(error: unknown): boolean {
  const code = systemCodeOf(error) ?? ''
  return code.startsWith('SQLITE_IOERR') || code === 'EIO'
}

/**
 * What became of the journal's file, as something that a client understands: SQLite's own codes are nobody's to know.
 * @param what was to be done, as in "this was not taken"
 * @returns the error itself when it has nothing to do with the file
 */
export function explainStoreError(error: unknown, what: string): unknown {
  const code = systemCodeOf(error) ?? ''
  const cause = { cause: error }
  if (error instanceof KsiError) return error
  if (isDiskFull(error))
    return new KsiError('KSI_DISK_FULL', `There is no room left on the disk, so ${what}. Free some space.`, cause)
  if (isDiskError(error)) {
    const advice = 'The disk, or what stands for it, is at fault: see the log of the system.'
    return new KsiError('KSI_DISK_FAILED', `The disk failed (${code}), so ${what}. ${advice}`, cause)
  }
  if (isDamage(error)) {
    const advice = 'What can be read is saved as soon as ksi opens it again.'
    return new KsiError('KSI_DB_DAMAGED', `The journal is damaged, so ${what}. ${advice}`, cause)
  }
  if (/^SQLITE_(BUSY|LOCKED)/.test(code)) {
    const advice = 'Try again; if it stays so, look who else has the file open.'
    return new KsiError('KSI_DB_BUSY', `Another program holds the journal, so ${what}. ${advice}`, cause)
  }
  if (/^(SQLITE_(CANTOPEN|READONLY|PERM)|EACCES|EPERM|EROFS)/.test(code)) {
    const advice = 'Give the user of this process write access to it and its folder.'
    return new KsiError('KSI_DB_NOT_WRITABLE', `The journal cannot be written, so ${what}. ${advice}`, cause)
  }
  return error
}

function explainOpenError(error: unknown, path: string): unknown {
  const code = systemCodeOf(error) ?? ''
  // Damage is for the salvage.
  if (isDamage(error) || error instanceof KsiError) return error
  if (isDiskFull(error))
    return new KsiError(
      'KSI_DISK_FULL',
      `There is no room left for the journal ${path}. Free some space and start again.`,
      { cause: error },
    )
  if (isDiskError(error) || /^SQLITE_(BUSY|LOCKED)/.test(code))
    return explainStoreError(error, `${path} was not opened`)
  if (/^(SQLITE_CANTOPEN|SQLITE_READONLY|SQLITE_PERM|EACCES|EPERM|EROFS|ENOTDIR|EEXIST|EISDIR)/.test(code)) {
    const message =
      `The journal ${path} cannot be written (${messageOf(error)}). ` +
      `Give the user of this process write access to ${dirname(path)}.`
    return new KsiError('KSI_DB_NOT_WRITABLE', message, { cause: error })
  }
  return error
}

/** How long, in ms, readers are waited for. A generation that lets go has 3 s for everything. */
const foldWaitMs = 100

/** Syncs everything and folds the WAL into the file. */
export function foldWal(db: Db, mode: 'WAL' | 'DELETE'): void {
  db.pragma('synchronous = FULL')
  // Busy readers (the sidecar) can keep the WAL from being cut; what counts is that it is synced. So no long wait for
  // them.
  db.pragma(`busy_timeout = ${foldWaitMs}`)
  db.pragma('wal_checkpoint(TRUNCATE)')
  db.pragma(`busy_timeout = ${busyTimeoutMs}`)
  db.pragma(`synchronous = ${syncLevelOf(mode)}`)
}
