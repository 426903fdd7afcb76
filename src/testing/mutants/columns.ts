import { globSync } from 'node:fs'
import { basename } from 'node:path'
import { databaseOf } from '../../store/testing/sound.ts'
import { TempJournal } from '../../store/testing/temp-journal.ts'
import type { Mutant } from './mutant.ts'

/** The one test that compares the migrations with what they were is left out: it would refuse any change. */
const tests = [
  'src/store/{queue,usage}.test.ts',
  'src/store/{events,checkpoints,reader,journal,boots}.test.ts',
  'src/daemon/{completion,checkpoint,wire,agents}/*.test.ts',
  'src/daemon/module-host/module-host.test.ts',
  'src/store/{migrate,salvage}.test.ts',
]

/** Every column of the journal, renamed under the code's feet by a migration that comes after the newest. */
export function columnMutants(root: string): Mutant[] {
  return columns().map(({ table, column }) => ({
    ...oneMore(root, `ALTER TABLE ${table} RENAME COLUMN ${column} TO ${column}_renamed;\n`),
    name: `${table}.${column}`,
  }))
}

/** A migration after the newest that does nothing: were it refused, the refusals of the others would say nothing. */
export function noColumnMutant(root: string): Mutant {
  return { ...oneMore(root, 'UPDATE lease SET epoch = epoch;\n'), name: 'a migration that does nothing' }
}

function oneMore(root: string, sql: string): Omit<Mutant, 'name'> {
  const newest = globSync('src/store/migrations/*.sql', { cwd: root }).map((path) => basename(path))
  const version = Math.max(...newest.map((name) => Number.parseInt(name, 10))) + 1
  const file = `src/store/migrations/${String(version).padStart(4, '0')}_mutant.sql`
  return { kind: 'column', file, change: () => sql, tests, compiled: false }
}

function columns(): { table: string; column: string }[] {
  using temp = new TempJournal()
  const db = databaseOf(temp.open())
  const tables = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'").pluck()
  return tables.all().flatMap((table) => {
    const names = db.prepare('SELECT name FROM pragma_table_info(?)').pluck().all(table)
    return names.map((column) => ({ table: String(table), column: String(column) }))
  })
}
