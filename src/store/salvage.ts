import { existsSync, renameSync, rmSync } from 'node:fs'
import { messageOf } from '../lib/errors.ts'
import { migrate } from './migrate.ts'
import type { Db } from './open.ts'
import { openForReading, openForWriting } from './open.ts'

/** What became of a damaged file. */
export interface SalvageReport {
  movedTo: string
  /** rows saved, by table */
  saved: Record<string, number>
  /** what could not be read, by table */
  lost: Record<string, string>
}

/** Tables whose content follows from the others or is worthless elsewhere. */
const skipped = new Set(['sqlite_sequence', 'totals', 'lease'])

/**
 * Moves a damaged journal aside (never deletes it) and makes a new one of what can still be read from it.
 * Rows are read table by table up to the first unreadable page of each.
 */
export function salvage(path: string, now: number = Date.now()): SalvageReport {
  const movedTo = `${path}.corrupt-${new Date(now).toISOString().replaceAll(/[:.]/g, '-')}`
  renameSync(path, movedTo)
  // The WAL belongs to the damaged file: SQLite looks for it under the new name.
  for (const suffix of ['-wal', '-shm']) if (existsSync(path + suffix)) renameSync(path + suffix, movedTo + suffix)
  rmSync(`${path}-journal`, { force: true })
  const report: SalvageReport = { movedTo, saved: {}, lost: {} }
  const { db } = openForWriting(path)
  try {
    migrate(path, db)
    copyAll(movedTo, db, report)
  } finally {
    db.close()
  }
  return report
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
  let saved = 0
  const copy = db.transaction(() => {
    const columns = (db.pragma(`table_info(${table})`) as { name: string }[]).map((column) => column.name)
    const insert = db.prepare(`INSERT OR IGNORE INTO ${table} (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`)
    try {
      for (const row of old
        .prepare(`SELECT ${columns.join(', ')} FROM ${table}`)
        .raw()
        .iterate()) {
        insert.run(...(row as unknown[]))
        saved += 1
      }
    } catch (error) {
      report.lost[table] = messageOf(error)
    }
  })
  copy()
  report.saved[table] = saved
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
