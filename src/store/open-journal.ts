import { migrate, putBackIfNewer } from './migrate.ts'
import type { Db } from './open.ts'
import { isDamage, openForWriting } from './open.ts'
import type { SalvageReport } from './salvage.ts'
import { salvage } from './salvage.ts'

/** What was found, and done, when the journal was opened. */
export interface OpenReport {
  mode: 'WAL' | 'DELETE'
  migratedFrom: number | undefined
  putBack: boolean
  salvaged: SalvageReport | undefined
}

/** Files above this are not checked page by page after a crash: it would take longer than the restart may. */
const checkedBytes = 16 * 1024 * 1024

/**
 * Opens the file, brings it up to date and takes the lease for a new epoch.
 * @returns `before`: the epoch that held the lease; `tick`: the last one given out
 * @throws KsiError KSI_DB_NOT_WRITABLE, KSI_DISK_FULL, KSI_SCHEMA_NEWER, KSI_MIGRATION_CHANGED
 */
export function openJournal(
  path: string,
  bootId: string,
  options: { suspect: boolean; now: number; migrations?: string },
): { db: Db; epoch: number; before: number; tick: number; report: OpenReport } {
  const report: OpenReport = { mode: 'WAL', migratedFrom: undefined, putBack: false, salvaged: undefined }
  let db: Db
  try {
    db = openReady(path, report, options)
  } catch (error) {
    if (!isDamage(error)) throw error
    report.salvaged = salvage(path, options.now)
    db = openReady(path, report, options)
  }
  const take = db.prepare('UPDATE lease SET epoch = epoch + 1, boot_id = ?, taken_at = ? RETURNING epoch').pluck()
  const epoch = db.transaction(() => Number(take.get(bootId, options.now))).immediate()
  const tick = 'SELECT max(tick, coalesce((SELECT max(seq) FROM events), 0)) FROM lease'
  return { db, epoch, before: epoch - 1, tick: Number(db.prepare(tick).pluck().get()), report }
}

function openReady(path: string, report: OpenReport, options: { suspect: boolean; migrations?: string }): Db {
  const db = openUsable(path, report, options.migrations)
  try {
    if (options.suspect) assertSound(db)
    report.migratedFrom = migrate(path, db, options.migrations)
    return db
  } catch (error) {
    db.close()
    throw error
  }
}

function openUsable(path: string, report: OpenReport, migrations: string | undefined): Db {
  const opened = openForWriting(path)
  report.mode = opened.mode
  const epoch = putBackIfNewer(path, opened.db, migrations)
  if (epoch === undefined) return opened.db
  report.putBack = true
  const db = openUsable(path, report, migrations)
  db.prepare('UPDATE lease SET epoch = max(epoch, ?)').run(epoch)
  return db
}

function assertSound(db: Db): void {
  const size = Number(db.pragma('page_count', { simple: true })) * Number(db.pragma('page_size', { simple: true }))
  if (size > checkedBytes) return
  const verdict = db.pragma('quick_check(1)', { simple: true })
  if (verdict !== 'ok')
    throw Object.assign(new Error(`The journal is damaged: ${String(verdict)}`), { code: 'SQLITE_CORRUPT' })
}
