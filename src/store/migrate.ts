import { createHash } from 'node:crypto'
import { copyFileSync, existsSync, readFileSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { KsiError } from '../lib/errors.ts'
import { rebuildDerived } from './derived.ts'
import { asidePath, assertOnlyAdds, canGoBack, isCompatible, newer } from './older-code.ts'
import type { Db } from './open.ts'
import { closeForGood, openForReading } from './open.ts'

const ownFolder = join(import.meta.dirname, 'migrations')

interface Migration {
  version: number
  name: string
  sql: string
  sha256: string
}

/** Since then a file knows which migrations it has seen, and by their content. */
const hashedSince = 2

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
    .map((name) => {
      const sql = readFileSync(join(folder, name), 'utf8')
      assertOnlyAdds(name, sql)
      return { version: Number(name.slice(0, 4)), name, sql, sha256: createHash('sha256').update(sql).digest('hex') }
    })
}

/** Each migration of this code with the hash of its content. */
export function migrationHashes(folder: string = ownFolder): Record<string, string> {
  return Object.fromEntries(migrationsIn(folder).map(({ name, sha256 }) => [name, sha256]))
}

/** @throws KsiError KSI_MIGRATION_CHANGED when a migration is not what it was when the file went through it */
function assertUnchanged(path: string | undefined, db: Db, folder: string): void {
  if (versionOf(db) < hashedSince) return
  const applied = db.prepare('SELECT version, name, sha256 FROM migrations').all() as Omit<Migration, 'sql'>[]
  const byVersion = new Map(applied.map((one) => [one.version, one]))
  for (const { version, name, sha256 } of migrationsIn(folder)) {
    const before = byVersion.get(version)
    if (before === undefined || before.sha256 === sha256) continue
    const journal = `the journal${path === undefined ? '' : ` ${path}`}`
    const message =
      `The migration ${name} is not what it was when ${journal} went through it. ` +
      'Put it back as it was, and make the change in a new migration.'
    throw new KsiError('KSI_MIGRATION_CHANGED', message)
  }
}

/** The schema the code with these migrations knows. */
function knownVersion(folder: string): number {
  return migrationsIn(folder).at(-1)?.version ?? 0
}

function versionOf(db: Db): number {
  return Number(db.pragma('user_version', { simple: true }))
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
  let changed: unknown
  try {
    const db = openForReading(path)
    try {
      version = versionOf(db)
      usable = version <= known || isCompatible(db, known) || canGoBack(db, asidePath(path, known))
      if (usable) changed = problemOf(() => assertUnchanged(path, db, folder))
    } finally {
      db.close()
    }
  } catch {
    // Damaged, or closed cleanly in WAL mode on a read-only mount: opening for writing will tell.
    return
  }
  if (!usable) throw newer(path, version, known)
  if (changed instanceof KsiError) throw changed
}

function problemOf(work: () => void): unknown {
  try {
    work()
    return undefined
  } catch (error) {
    return error
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
  if (version <= known || isCompatible(db, known)) return undefined
  const aside = asidePath(path, known)
  const usable = canGoBack(db, aside)
  const epoch = usable ? Number(db.prepare('SELECT max(epoch) FROM lease').pluck().get()) : 0
  closeForGood(db)
  if (!usable) throw newer(path, version, known)
  for (const suffix of ['-wal', '-shm']) rmSync(path + suffix, { force: true })
  renameSync(path, asidePath(path, version))
  renameSync(aside, path)
  return epoch
}

/**
 * Brings the schema up to date in one transaction. Before an existing file is changed a copy is set aside.
 * @param path where the copy goes beside; without it none is made
 * @param upTo the version to stop at; the newest unless given
 * @returns the version an existing file was migrated from, or undefined when nothing of an existing file was changed
 * @throws KsiError KSI_MIGRATION_CHANGED
 */
export function migrate(
  path: string | undefined,
  db: Db,
  folder: string = ownFolder,
  upTo = Infinity,
): number | undefined {
  const from = versionOf(db)
  assertUnchanged(path, db, folder)
  const all = migrationsIn(folder).filter(({ version }) => version <= upTo)
  const due = all.filter(({ version }) => version > from)
  if (due.length === 0) return undefined
  if (from > 0 && path !== undefined) setAside(path, db, asidePath(path, from))
  const run = db.transaction(() => {
    for (const { version, sql } of due) {
      db.exec(sql)
      db.pragma(`user_version = ${version}`)
    }
    if (versionOf(db) < hashedSince) return
    const note = db.prepare('INSERT OR IGNORE INTO migrations (version, name, sha256) VALUES (?, ?, ?)')
    for (const { version, name, sha256 } of all) note.run(version, name, sha256)
    if (from > 0 && from < hashedSince) rebuildDerived(db)
  })
  run.immediate()
  if (from > 0) compact(db)
  return from > 0 ? from : undefined
}

/** Files above this keep the way in which they were made: rewriting them would take longer than a save may. */
const compactedBytes = 64 * 1024 * 1024

/** Makes a file of before able to give pages back, if that is affordable. It is of no matter when it fails. */
function compact(db: Db): void {
  const [mode, pages, size] = ['auto_vacuum', 'page_count', 'page_size'].map((name) =>
    Number(db.pragma(name, { simple: true })),
  )
  if (mode !== 0 || (pages ?? 0) * (size ?? 0) > compactedBytes) return
  try {
    db.pragma('auto_vacuum = INCREMENTAL')
    db.exec('VACUUM')
  } catch {
    // No room for the copy: the file stays as it is, whole.
  }
}

function setAside(path: string, db: Db, aside: string): void {
  const [wal] = db.pragma('wal_checkpoint(PASSIVE)') as { busy: number; log: number; checkpointed: number }[]
  rmSync(aside, { force: true })
  if (wal?.busy === 0 && wal.log === wal.checkpointed) copyFileSync(path, aside)
  // A reader keeps a part in the WAL: the file alone is not the whole.
  else db.prepare('VACUUM INTO ?').run(aside)
}
