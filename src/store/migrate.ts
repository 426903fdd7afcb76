import { copyFileSync, existsSync, readFileSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { KsiError } from '../lib/errors.ts'
import type { Db } from './open.ts'
import { openForReading } from './open.ts'

const folder = join(import.meta.dirname, 'migrations')

interface Migration {
  version: number
  sql: string
}

/** The numbered migrations on disk, in order. Read at each boot: a save may have added one. */
function readMigrations(): Migration[] {
  return readdirSync(folder)
    .filter((name) => /^\d{4}_.+\.sql$/.test(name))
    .sort()
    .map((name) => ({ version: Number(name.slice(0, 4)), sql: readFileSync(join(folder, name), 'utf8') }))
}

/** The schema this code knows. */
export const codeVersion = readMigrations().at(-1)?.version ?? 0

function versionOf(db: Db): number {
  return Number(db.pragma('user_version', { simple: true }))
}

/** Where the file is set aside before it is migrated from `version`. */
export function asidePath(path: string, version: number): string {
  return path.replace(/(\.db)?$/, `.v${version}.db`)
}

/**
 * Looks, without writing, whether this code can use the file.
 * @throws KsiError KSI_SCHEMA_NEWER when the file was written by newer code and no older copy is there to go back to
 */
export function checkSchema(path: string): void {
  if (!existsSync(path)) return
  let version: number
  try {
    const db = openForReading(path)
    try {
      version = versionOf(db)
    } finally {
      db.close()
    }
  } catch {
    // Damaged, or closed cleanly in WAL mode on a read-only mount: opening for writing will tell.
    return
  }
  if (version > codeVersion && !existsSync(asidePath(path, codeVersion))) throw newer(path, version)
}

/**
 * Puts back the copy set aside before a migration, when newer code that never went live has migrated the file and this,
 * older, code takes it over again.
 * @returns the epoch of the newer file when a copy was put back: the lease must not fall behind it
 */
export function putBackIfNewer(path: string, db: Db): number | undefined {
  const version = versionOf(db)
  if (version <= codeVersion) return undefined
  const epoch = Number(db.prepare('SELECT max(epoch) FROM lease').pluck().get())
  const aside = asidePath(path, codeVersion)
  db.close()
  if (!existsSync(aside)) throw newer(path, version)
  for (const suffix of ['-wal', '-shm']) rmSync(path + suffix, { force: true })
  renameSync(path, asidePath(path, version))
  renameSync(aside, path)
  return epoch
}

/**
 * Brings the schema up to date in one transaction. Before an existing file is changed a copy is set aside.
 * @returns the version an existing file was migrated from, or undefined when nothing of an existing file was changed
 */
export function migrate(path: string, db: Db): number | undefined {
  const from = versionOf(db)
  const due = readMigrations().filter((migration) => migration.version > from)
  if (due.length === 0) return undefined
  if (from > 0) {
    db.pragma('wal_checkpoint(TRUNCATE)')
    copyFileSync(path, asidePath(path, from))
  }
  const run = db.transaction(() => {
    for (const { version, sql } of due) {
      db.exec(sql)
      db.pragma(`user_version = ${version}`)
    }
  })
  run.immediate()
  return from > 0 ? from : undefined
}

function newer(path: string, version: number): KsiError {
  const message = `The journal ${path} has schema ${version}, this code knows ${codeVersion}. Run the newer code again, or move the file away to start empty; it was left untouched.`
  return new KsiError('KSI_SCHEMA_NEWER', message)
}
