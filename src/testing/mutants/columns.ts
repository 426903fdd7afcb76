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

/** Every column of the journal as the newest migration leaves it, renamed by that migration under the code's feet. */
export function columnMutants(root: string): Mutant[] {
  const newest = globSync('src/store/migrations/*.sql', { cwd: root }).sort().at(-1)
  if (newest === undefined) throw new Error('there are no migrations')
  return columns().map(({ table, column }) => ({
    kind: 'column',
    name: `${table}.${column} (${basename(newest)})`,
    file: newest,
    change: (text) => `${text}\nALTER TABLE ${table} RENAME COLUMN ${column} TO ${column}_renamed;\n`,
    tests,
    compiled: false,
  }))
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
