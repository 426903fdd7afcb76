import { mkdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import Database from 'better-sqlite3'

/** Writes the journal of 7f409d6 that is kept as text, as that code left it: it holds a bit of everything. */
export function writeOldJournal(path: string): void {
  mkdirSync(dirname(path), { recursive: true })
  const db = new Database(path)
  db.pragma('journal_mode = WAL')
  db.exec(readFileSync(join(import.meta.dirname, 'journal-7f409d6.sql'), 'utf8'))
  db.close()
}
