import { messageOf } from '../lib/errors.ts'
import type { Db } from './open.ts'
import type { Value } from './salvage-raw.ts'

/** What became of a table's rows. */
export interface CopiedTable {
  saved: number
  /** why not all could be read by way of the table itself; absent when all could */
  lost?: string
}

/** Rows looked for at a time behind an unreadable place; doubled until there are some. */
const firstStep = 1
const lastStep = 2 ** 52

/** Copies all rows of a table that can be read: from the start, and again behind every place that cannot. */
export function copyTable(old: Db, db: Db, table: string): CopiedTable {
  const copied: CopiedTable = { saved: 0 }
  try {
    // The damaged file may have an older schema, without the newest columns.
    const there = new Set(columnsOf(old, table))
    const columns = columnsOf(db, table).filter((column) => there.has(column))
    const insert = inserter(db, table, columns)
    const take = (row: unknown): void => void (copied.saved += insert(row as Value[]))
    const select = `SELECT ${columns.join(', ')} FROM ${table}`
    if (isWithoutRowid(db, table)) copyFromBothEnds(old, `${select} ORDER BY ${columns[0] ?? ''}`, take, copied)
    else copyByRowid(old, { select, table }, take, copied)
  } catch (error) {
    copied.lost ??= messageOf(error)
  }
  return copied
}

/** @returns what puts one row into a table: 1, or 0 where it stands already */
export function inserter(db: Db, table: string, columns: readonly string[]): (row: Value[]) => number {
  const marks = columns.map(() => '?').join(', ')
  const insert = db.prepare(`INSERT OR IGNORE INTO ${table} (${columns.join(', ')}) VALUES (${marks})`)
  return (row) => insert.run(...row).changes
}

export function columnsOf(db: Db, table: string): string[] {
  return (db.pragma(`table_info(${table})`) as { name: string }[]).map((column) => column.name)
}

function isWithoutRowid(db: Db, table: string): boolean {
  return db.prepare('SELECT wr FROM pragma_table_list WHERE name = ?').pluck().get(table) === 1
}

function copyFromBothEnds(old: Db, ordered: string, take: (row: unknown) => void, copied: CopiedTable): void {
  const copyRows = (order: string): void => {
    const seen = new Set<unknown>()
    for (const row of old.prepare(`${ordered} ${order}`).raw().iterate() as IterableIterator<unknown[]>) {
      // Damaged pages can lead to each other in a circle.
      if (seen.has(row[0])) throw new RangeError('the same row comes again')
      seen.add(row[0])
      take(row)
    }
  }
  try {
    copyRows('ASC')
  } catch (error) {
    copied.lost = messageOf(error)
    copyRows('DESC')
  }
}

function copyByRowid(
  old: Db,
  { select, table }: { select: string; table: string },
  take: (row: unknown) => void,
  copied: CopiedTable,
): void {
  const rows = old.prepare(`${select.replace('SELECT ', 'SELECT rowid, ')} WHERE rowid > ? ORDER BY rowid`).raw()
  const next = old.prepare(`SELECT rowid FROM ${table} WHERE rowid >= ? ORDER BY rowid LIMIT 1`).pluck()
  let at = -1
  for (let step = firstStep; step < lastStep;) {
    try {
      for (const row of rows.iterate(at) as IterableIterator<unknown[]>) {
        // Damaged pages can lead to each other in a circle.
        if (!(Number(row[0]) > at)) throw new RangeError('rows are out of order')
        at = Number(row[0])
        step = firstStep
        take(row.slice(1))
      }
      return
    } catch (error) {
      copied.lost ??= messageOf(error)
    }
    // The next that can be read: a little further on, and further.
    for (; step < lastStep; step *= 2) {
      const found = readable(() => next.get(at + 1 + step))
      if (found === undefined) return
      if (found === null || !(Number(found) > at)) continue
      at = Number(found) - 1
      break
    }
  }
}

/** @returns null for what cannot be read */
function readable(read: () => unknown): unknown {
  try {
    return read()
  } catch {
    return null
  }
}
