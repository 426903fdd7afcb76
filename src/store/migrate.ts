import { copyFileSync, existsSync, readFileSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { KsiError } from '../lib/errors.ts'
import type { Db } from './open.ts'
import { openForReading } from './open.ts'

const ownFolder = join(import.meta.dirname, 'migrations')

interface Migration {
  version: number
  sql: string
}

let own: Migration[] | undefined

/**
 * The numbered migrations this code knows, in order. Its own are read once, at the boot: what a later save adds is for
 * the next generation, and this one must not fail on it when it takes the journal back.
 */
function migrationsIn(folder: string): Migration[] {
  return folder === ownFolder ? (own ??= readMigrations(folder)) : readMigrations(folder)
}

function readMigrations(folder: string): Migration[] {
  return readdirSync(folder)
    .filter((name) => /^\d{4}_.+\.sql$/.test(name))
    .sort()
    .map((name) => ({ version: Number(name.slice(0, 4)), sql: readFileSync(join(folder, name), 'utf8') }))
}

/** The schema the code with these migrations knows. */
function knownVersion(folder: string): number {
  return migrationsIn(folder).at(-1)?.version ?? 0
}

function versionOf(db: Db): number {
  return Number(db.pragma('user_version', { simple: true }))
}

/** Where the file is set aside before it is migrated from `version`. */
export function asidePath(path: string, version: number): string {
  return path.replace(/(\.db)?$/, `.v${version}.db`)
}

/**
 * Looks, without writing, whether this code can use the file.
 * @throws KsiError KSI_SCHEMA_NEWER when the file was written by newer code and there is no older copy to go back to
 */
export function checkSchema(path: string, folder: string = ownFolder): void {
  if (!existsSync(path)) return
  const known = knownVersion(folder)
  let version: number
  let usable: boolean
  try {
    const db = openForReading(path)
    try {
      version = versionOf(db)
      usable = version <= known || canGoBack(db, asidePath(path, known))
    } finally {
      db.close()
    }
  } catch {
    // Damaged, or closed cleanly in WAL mode on a read-only mount: opening for writing will tell.
    return
  }
  if (!usable) throw newer(path, version, known)
}

/**
 * Whether the copy set aside before a migration still says all: no newer code has gone live since, whose work it lacks.
 */
function canGoBack(db: Db, aside: string): boolean {
  if (!existsSync(aside)) return false
  try {
    const epoch = epochOf(aside)
    return db.prepare('SELECT 1 FROM boots WHERE generation > ? AND live_at IS NOT NULL').get(epoch) === undefined
  } catch {
    // Newer code keeps its boots in another way: it cannot be told.
    return false
  }
}

function epochOf(aside: string): number {
  const copy = openForReading(aside)
  try {
    return Number(copy.prepare('SELECT epoch FROM lease').pluck().get())
  } finally {
    copy.close()
    // A reader cannot take these away itself; beside a copy that nobody writes they are empty.
    for (const suffix of ['-wal', '-shm']) rmSync(aside + suffix, { force: true })
  }
}

/**
 * Puts back the copy set aside before a migration, when newer code that never went live has migrated the file and this,
 * older, code takes it over again.
 * @returns the epoch of the newer file when a copy was put back: the lease must not fall behind it
 * @throws KsiError KSI_SCHEMA_NEWER when there is no such copy, or newer code did go live; the file is left untouched
 */
export function putBackIfNewer(path: string, db: Db, folder: string = ownFolder): number | undefined {
  const [version, known] = [versionOf(db), knownVersion(folder)]
  if (version <= known) return undefined
  const aside = asidePath(path, known)
  const usable = canGoBack(db, aside)
  const epoch = usable ? Number(db.prepare('SELECT max(epoch) FROM lease').pluck().get()) : 0
  db.close()
  if (!usable) throw newer(path, version, known)
  for (const suffix of ['-wal', '-shm']) rmSync(path + suffix, { force: true })
  renameSync(path, asidePath(path, version))
  renameSync(aside, path)
  return epoch
}

/**
 * Brings the schema up to date in one transaction. Before an existing file is changed a copy is set aside.
 * @returns the version an existing file was migrated from, or undefined when nothing of an existing file was changed
 */
export function migrate(path: string, db: Db, folder: string = ownFolder): number | undefined {
  const from = versionOf(db)
  const due = migrationsIn(folder).filter((migration) => migration.version > from)
  if (due.length === 0) return undefined
  if (from > 0) setAside(path, db, asidePath(path, from))
  const run = db.transaction(() => {
    for (const { version, sql } of due) {
      db.exec(sql)
      db.pragma(`user_version = ${version}`)
    }
  })
  run.immediate()
  return from > 0 ? from : undefined
}

function setAside(path: string, db: Db, aside: string): void {
  const [wal] = db.pragma('wal_checkpoint(PASSIVE)') as { busy: number; log: number; checkpointed: number }[]
  rmSync(aside, { force: true })
  if (wal?.busy === 0 && wal.log === wal.checkpointed) copyFileSync(path, aside)
  // A reader keeps a part in the WAL: the file alone is not the whole.
  else db.prepare('VACUUM INTO ?').run(aside)
}

function newer(path: string, version: number, known: number): KsiError {
  const message = `The journal ${path} has schema ${version}, this code knows ${known}. Run the newer code again, or move the file away to start empty; it was left untouched.`
  return new KsiError('KSI_SCHEMA_NEWER', message)
}
