import { rmSync } from 'node:fs'
import { messageOf } from '../lib/errors.ts'
import { moveAside, replaceBy } from './carry-over.ts'
import { lossOfSalvage, noteLoss } from './losses.ts'
import { migrate } from './migrate.ts'
import type { Db } from './open.ts'
import { closeForGood, openForReading, openForWriting } from './open.ts'
import { writeImage } from './salvage-image.ts'
import type { Image } from './salvage-image.ts'
import { mendSalvaged } from './salvage-mend.ts'
import { rawRows } from './salvage-raw.ts'
import { columnsOf, copyTable, inserter } from './salvage-rows.ts'
import { largest } from './unfit.ts'

/** What became of a damaged file. */
export interface SalvageReport {
  movedTo: string
  /** rows saved, by table */
  saved: Record<string, number>
  /** what could not be read by way of its table, by table; what its pages still held is among the saved */
  lost: Record<string, string>
  /** Requests that wait but whose content could not be read: told as failed. */
  lostRequests: string[]
  /** Requests that waited or ran and of which nothing is left; null where nobody can say how many there were. */
  lostOpen: number | null
}

/** Tables whose content follows from the others or is worthless elsewhere. */
const skipped = new Set(['sqlite_sequence', 'totals', 'lease', 'migrations'])

/**
 * Moves a damaged journal aside (never deletes it) and makes a new one of what can still be read from it: by its
 * tables, behind every unreadable place again, and where a table cannot be followed, by its pages. Nothing is moved
 * before the new file is whole, so a boot that dies meanwhile is simply repeated.
 */
export function salvage(path: string, now: number = Date.now()): SalvageReport {
  const draft = `${path}.salvage`
  const copy = `${path}.salvage-image`
  const remove = (file: string): void => {
    for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(file + suffix, { force: true })
  }
  remove(draft)
  remove(copy)
  const report: SalvageReport = { movedTo: '', saved: {}, lost: {}, lostRequests: [], lostOpen: null }
  const { db } = openForWriting(draft)
  try {
    const image = writeImage(path, copy)
    // In the shape it had, so that the migrations bring over what lies there as they would have.
    migrate(undefined, db, undefined, image.headerIsWhole ? versionOf(copy) : Infinity)
    copyAll(image, db, report)
    migrate(undefined, db)
    const open = keepNumbers(copy, db)
    const kept = mendSalvaged(db, now)
    report.lostRequests = kept.failed
    report.lostOpen = open === null ? null : Math.max(0, open - kept.open)
    db.pragma('wal_checkpoint(TRUNCATE)')
  } finally {
    closeForGood(db)
    remove(copy)
  }
  // First of all: should this process die now, it is all done again, and said again.
  noteLoss(path, lossOfSalvage(path, report, now))
  report.movedTo = moveAside(path, `corrupt-${new Date(now).toISOString().replaceAll(/[:.]/g, '-')}`)
  replaceBy(path, draft)
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

function copyAll(image: Image, db: Db, report: SalvageReport): void {
  const tables = (db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").pluck().all() as string[]).filter(
    (table) => !skipped.has(table),
  )
  let old: Db | undefined
  try {
    old = openForReading(image.path)
    // Only what is asked for is read: the schema itself may be damaged elsewhere.
    old.pragma('writable_schema = ON')
    const from = old
    for (const table of tables) db.transaction(() => note(report, table, copyTable(from, db, table)))()
  } catch (error) {
    report.lost['*'] = messageOf(error)
  } finally {
    old?.close()
  }
  db.transaction(() => copyRaw(image, db, report))()
}

function note(report: SalvageReport, table: string, { saved, lost }: ReturnType<typeof copyTable>): void {
  report.saved[table] = saved
  if (lost !== undefined) report.lost[table] = lost
}

/**
 * Rows that the tables did not lead to: a page that says which others belong to a table can be wrong without a word. A
 * row that is there already is the newer one.
 */
function copyRaw(image: Image, db: Db, report: SalvageReport): void {
  const insert = new Map<string, (row: (string | number | null | Buffer)[]) => number>()
  for (const { table, rowid, values } of rawRows(image)) {
    const columns = columnsOf(db, table)
    if (values.length > columns.length) continue
    const key = `${table} ${values.length}`
    const put = insert.get(key) ?? inserter(db, table, columns.slice(0, values.length))
    insert.set(key, put)
    try {
      report.saved[table] = (report.saved[table] ?? 0) + put([rowid, ...values.slice(1)])
    } catch {
      // It looked like a row of this table and is none.
    }
  }
}

/**
 * Neither a tick nor an epoch may be given out again that somebody may have seen. Each is read for itself, since each
 * lies on a page of its own.
 * @returns how many requests waited or ran, by the file's own count; null where it cannot be read
 */
function keepNumbers(path: string, db: Db): number | null {
  const read = (sql: string): number | null => {
    try {
      const old = openForReading(path)
      try {
        const value: unknown = old.prepare(sql).pluck().get()
        return typeof value === 'number' && value <= largest ? value : null
      } finally {
        old.close()
      }
    } catch {
      return null
    }
  }
  const epoch =
    read('SELECT epoch FROM lease') ??
    read('SELECT generation FROM boots WHERE generation IS NOT NULL ORDER BY id DESC LIMIT 1') ??
    0
  db.prepare('UPDATE lease SET tick = max(tick, ?), epoch = max(epoch, ?)').run(
    read('SELECT tick FROM lease') ?? 0,
    epoch,
  )
  return read("SELECT sum(n) FROM totals WHERE state IN ('queued', 'processing')")
}
