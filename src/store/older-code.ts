import { existsSync, rmSync } from 'node:fs'
import { KsiError } from '../lib/errors.ts'
import type { Db } from './open.ts'
import { openForReading } from './open.ts'

/*
 * What code may do with a file that newer code has migrated.
 */

/**
 * So ends the name of a migration after which the code before can go on working on the file: it adds tables, columns
 * or indexes, and nothing else.
 */
const compatible = '.compatible.sql'
const adding = /^(CREATE TABLE|CREATE INDEX|ALTER TABLE \S+ ADD COLUMN)\b/i

/** @throws KsiError KSI_CONFIG_INVALID when a migration says in its name that it only adds, and does more */
export function assertOnlyAdds(name: string, sql: string): void {
  if (!name.endsWith(compatible)) return
  const statements = sql.replaceAll(/--[^\n]*|\/\*[^]*?\*\//g, ' ').split(';')
  const other = statements
    .map((text) => text.trim().replaceAll(/\s+/g, ' '))
    .find((text) => text !== '' && !adding.test(text))
  if (other === undefined) return
  const message =
    `The migration ${name} says in its name that the code before can work on what it leaves, but it does more than ` +
    `add tables, columns and indexes: ${other.slice(0, 100)}. Take "compatible" out of its name.`
  throw new KsiError('KSI_CONFIG_INVALID', message)
}

/** Where the file is set aside before it is migrated from `version`. */
export function asidePath(path: string, version: number): string {
  return path.replace(/(\.db)?$/, `.v${version}.db`)
}

/** Whether code that knows the schema up to `known` can work on the newer file: all that came after only adds. */
export function isCompatible(db: Db, known: number): boolean {
  const names = newerMigrations(db, known)
  const version = Number(db.pragma('user_version', { simple: true }))
  return names.length === version - known && names.every((name) => name.endsWith(compatible))
}

/**
 * Whether the copy set aside before a migration still says all: no newer code has gone live since, whose work it lacks.
 */
export function canGoBack(db: Db, aside: string): boolean {
  if (!existsSync(aside)) return false
  try {
    const epoch = inCopy(aside, (copy) => Number(copy.prepare('SELECT epoch FROM lease').pluck().get()))
    return db.prepare('SELECT 1 FROM boots WHERE generation > ? AND live_at IS NOT NULL').get(epoch) === undefined
  } catch {
    // Newer code keeps its boots in another way: it cannot be told.
    return false
  }
}

/** That code this old cannot work on the file, which migrations make it so, and what can be done. */
export function newer(path: string, version: number, known: number): KsiError {
  const { names, lacks } = since(path, known)
  const which =
    names.length === 0 ? '' : ` It went through ${names.join(', ')}, after which the code before cannot work on it.`
  const message =
    `The journal ${path} has schema ${version}, this code knows ${known}.${which} ` +
    'Run the newer code again, or move the file away to start empty; it was left untouched.'
  return new KsiError('KSI_SCHEMA_NEWER', lacks === undefined ? message : `${message} ${lacks}`)
}

/** What newer code has done to the file, and what the copy of before lacks of it. */
function since(path: string, known: number): { names: string[]; lacks?: string } {
  const aside = asidePath(path, known)
  try {
    const db = openForReading(path)
    try {
      const names = newerMigrations(db, known).filter((name) => !name.endsWith(compatible))
      if (!existsSync(aside)) return { names }
      const tick = inCopy(aside, lastTickOf)
      const count = (sql: string): number => Number(db.prepare(sql).pluck().get({ tick }))
      const accepted = count('SELECT count(*) FROM requests WHERE id > :tick')
      const ended = count('SELECT count(*) FROM requests WHERE id <= :tick AND finished_tick > :tick')
      const lacks =
        `A copy from before is ${aside}: it lacks ${accepted} requests accepted and ${ended} outcomes reached since. ` +
        `To go on with it all the same, end ksi, move ${path} with its -wal and -shm away, and give the copy its name.`
      return { names, lacks }
    } finally {
      db.close()
    }
  } catch {
    // Newer code keeps its requests in another way, or the copy is no whole file.
    return { names: [] }
  }
}

function lastTickOf(copy: Db): number {
  const used = ['SELECT max(seq) FROM events', 'SELECT max(id) FROM requests', 'SELECT tick FROM lease']
  return Math.max(...used.map((sql) => Number(copy.prepare(sql).pluck().get())))
}

function newerMigrations(db: Db, known: number): string[] {
  try {
    return db.prepare('SELECT name FROM migrations WHERE version > ? ORDER BY version').pluck().all(known) as string[]
  } catch {
    // A file of before there were names.
    return []
  }
}

function inCopy<T>(aside: string, look: (copy: Db) => T): T {
  const copy = openForReading(aside)
  try {
    return look(copy)
  } finally {
    copy.close()
    // A reader cannot take these away itself; beside a copy that nobody writes they are empty.
    for (const suffix of ['-wal', '-shm']) rmSync(aside + suffix, { force: true })
  }
}
