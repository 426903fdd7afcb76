import { existsSync, renameSync, rmSync } from 'node:fs'
import { messageOf } from '../lib/errors.ts'
import { migrate } from './migrate.ts'
import type { Db } from './open.ts'
import { openForReading, openForWriting } from './open.ts'
import { mendSalvaged } from './salvage-mend.ts'

/** What became of a damaged file. */
export interface SalvageReport {
  movedTo: string
  /** rows saved, by table */
  saved: Record<string, number>
  /** what could not be read, by table */
  lost: Record<string, string>
  /** Requests that wait but whose content could not be read: told as failed. */
  lostRequests: string[]
}

/** Tables whose content follows from the others or is worthless elsewhere. */
const skipped = new Set(['sqlite_sequence', 'totals', 'lease', 'migrations'])

/**
 * Moves a damaged journal aside (never deletes it) and makes a new one of what can still be read from it. Rows are
 * read table by table, from both ends up to the unreadable pages. Nothing is moved before the new file is whole, so a
 * boot that dies meanwhile is simply repeated.
 */
export function salvage(path: string, now: number = Date.now()): SalvageReport {
  const movedTo = `${path}.corrupt-${new Date(now).toISOString().replaceAll(/[:.]/g, '-')}`
  const draft = `${path}.salvage`
  for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(draft + suffix, { force: true })
  const report: SalvageReport = { movedTo, saved: {}, lost: {}, lostRequests: [] }
  const { db } = openForWriting(draft)
  try {
    // In the shape it had, so that the migrations bring over what lies there as they would have.
    migrate(undefined, db, undefined, versionOf(path))
    copyAll(path, db, report)
    migrate(undefined, db)
    keepTick(path, db)
    report.lostRequests = mendSalvaged(db, now)
  } finally {
    db.close()
  }
  renameSync(path, movedTo)
  // The WAL belongs to the damaged file: SQLite looks for it under the new name.
  for (const suffix of ['-wal', '-shm']) if (existsSync(path + suffix)) renameSync(path + suffix, movedTo + suffix)
  rmSync(`${path}-journal`, { force: true })
  renameSync(draft, path)
  return report
}

/** The schema of a damaged file; of one that does not even tell that, the newest. */
function versionOf(path: string): number {
  try {
    const db = openForReading(path)
    try {
      const version = Number(db.pragma('user_version', { simple: true }))
      return version > 0 ? version : Infinity
    } finally {
      db.close()
    }
  } catch {
    return Infinity
  }
}

function copyAll(from: string, db: Db, report: SalvageReport): void {
  let old: Db | undefined
  try {
    old = openForReading(from)
    const tables = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").pluck().all() as string[]
    for (const table of tables) if (!skipped.has(table)) copyTable(old, db, table, report)
    keepEpoch(old, db)
  } catch (error) {
    report.lost['*'] = messageOf(error)
  } finally {
    old?.close()
  }
}

function copyTable(old: Db, db: Db, table: string, report: SalvageReport): void {
  const copy = db.transaction(() => {
    let saved = 0
    try {
      // The damaged file may have an older schema, without the newest columns.
      const there = new Set(columnsOf(old, table))
      const columns = columnsOf(db, table).filter((column) => there.has(column))
      const insert = db.prepare(
        `INSERT OR IGNORE INTO ${table} (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`,
      )
      const copyRows = (order: string): void => {
        for (const row of old
          .prepare(`SELECT ${columns.join(', ')} FROM ${table} ORDER BY ${keyOf(db, table)} ${order}`)
          .raw()
          .iterate())
          saved += insert.run(...(row as unknown[])).changes
      }
      try {
        copyRows('ASC')
      } catch (error) {
        report.lost[table] = messageOf(error)
        copyRows('DESC')
      }
    } catch (error) {
      report.lost[table] ??= messageOf(error)
    }
    report.saved[table] = saved
  })
  copy()
}

function columnsOf(db: Db, table: string): string[] {
  return (db.pragma(`table_info(${table})`) as { name: string }[]).map((column) => column.name)
}

/** The order in which the table lies in the file. */
function keyOf(db: Db, table: string): string {
  const withoutRowid = db.prepare('SELECT wr FROM pragma_table_list WHERE name = ?').pluck().get(table) === 1
  return withoutRowid ? (columnsOf(db, table)[0] ?? '') : 'rowid'
}

/** Nor may a tick be given out again that somebody may have seen. */
function keepTick(path: string, db: Db): void {
  try {
    const old = openForReading(path)
    try {
      db.prepare('UPDATE lease SET tick = max(tick, ?)').run(
        Number(old.prepare('SELECT tick FROM lease').pluck().get()),
      )
    } finally {
      old.close()
    }
  } catch {
    // It cannot be read: what was saved tells how far they went.
  }
}

/** The epoch must not go backwards, or a generation that was fenced off could write again. */
function keepEpoch(old: Db, db: Db): void {
  const fromLease = (): number => {
    try {
      return Number(old.prepare('SELECT epoch FROM lease').pluck().get() ?? 0)
    } catch {
      return Number(db.prepare('SELECT max(generation) FROM boots').pluck().get() ?? 0)
    }
  }
  db.prepare('UPDATE lease SET epoch = max(epoch, ?)').run(fromLease())
}
