import { existsSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { discardedMark } from '../lib/discarded-mark.ts'
import { KsiError } from '../lib/errors.ts'
import { copyWhole, putInPlace } from './carry-over.ts'
import { lossOfAll, noteLoss } from './losses.ts'
import { migrate, putBackIfNewer } from './migrate.ts'
import type { Db } from './open.ts'
import { closeForGood, connectionTo, isDamage, openForWriting } from './open.ts'
import type { SalvageReport } from './salvage.ts'
import { isTorn } from './salvage-image.ts'
import { salvage } from './salvage.ts'
import { disagreements } from './soundness.ts'

/** What was found, and done, when the journal was opened. */
export interface OpenReport {
  mode: 'WAL' | 'DELETE'
  migratedFrom: number | undefined
  putBack: boolean
  salvaged: SalvageReport | undefined
}

/** Files above this are not checked page by page after a crash: it would take longer than the restart may. */
const checkedBytes = 16 * 1024 * 1024

interface OpenOptions {
  suspect: boolean
  now: number
  migrations?: string
  floor?: number
  known?: number
  cold?: boolean
  handedOver?: boolean
}

/**
 * Opens the file, brings it up to date and takes the lease for a new epoch.
 * @returns `before`: the epoch that held the lease; `tick`: the last one given out
 * @throws KsiError KSI_DB_NOT_WRITABLE, KSI_DISK_FULL, KSI_SCHEMA_NEWER, KSI_MIGRATION_CHANGED
 */
export function openJournal(
  path: string,
  bootId: string,
  options: OpenOptions,
): { db: Db; epoch: number; before: number; tick: number; report: OpenReport } {
  // A generation died while it put a copy of the journal in its place.
  if (!putInPlace(path, options.now) && !existsSync(path)) reclaim(path, options)
  const report: OpenReport = { mode: 'WAL', migratedFrom: undefined, putBack: false, salvaged: undefined }
  const db = openOrSalvage(path, report, options)
  rmSync(distrustPath(path), { force: true })
  const before = Number(db.prepare('SELECT epoch FROM lease').pluck().get())
  const isMissing = before === 0 && report.salvaged === undefined && (options.known ?? 0) > 0
  if (isMissing && !existsSync(discardedMark(path))) noteLoss(path, lossOfAll(path, options.known ?? 0, options.now))
  const take = db
    .prepare('UPDATE lease SET epoch = max(epoch, ?) + 1, boot_id = ?, taken_at = ? RETURNING epoch')
    .pluck()
  const epoch = db.transaction(() => Number(take.get(options.floor ?? 0, bootId, options.now))).immediate()
  rmSync(discardedMark(path), { force: true })
  const tick = 'SELECT max(tick, coalesce((SELECT max(seq) FROM events), 0)) FROM lease'
  return { db, epoch, before, tick: Number(db.prepare(tick).pluck().get()), report }
}

/**
 * The file is gone while generations changed over: one that had it open before, and takes it back, still has all of it.
 * @throws KsiError KSI_DB_NOT_WRITABLE where another process has, which is to take it back
 */
function reclaim(path: string, { now, handedOver }: OpenOptions): void {
  const held = connectionTo(path)
  if (held !== undefined) {
    mkdirSync(dirname(path), { recursive: true })
    copyWhole(held, path)
    putInPlace(path, now)
  } else if (handedOver === true)
    throw new KsiError('KSI_DB_NOT_WRITABLE', `The journal ${path} was removed just when it was handed over.`)
}

function openOrSalvage(path: string, report: OpenReport, options: OpenOptions): Db {
  try {
    assertWhole(path, options.cold ?? false)
    return openReady(path, report, options)
  } catch (error) {
    if (!isDamage(error)) throw error
    report.salvaged = salvage(path, options.now)
    return openReady(path, report, options)
  }
}

function distrustPath(path: string): string {
  return `${path}-distrusted`
}

/** Whoever opens the journal at `path` next looks through all of it, whatever its size. Best effort. */
export function markDistrusted(path: string): void {
  try {
    writeFileSync(distrustPath(path), '')
  } catch {
    // No room, or no folder: what is damaged is met again.
  }
}

/**
 * A file without content has lost it, where the WAL still has some: SQLite would delete that. A WAL with a hole would
 * be read up to there.
 * @param cold nobody of this ksi has had the file open since the machine, or ksi, was started
 */
function assertWhole(path: string, cold: boolean): void {
  if (sizeOf(path) === 0 && sizeOf(`${path}-wal`) > 0) throw damage('its file is empty, and its WAL is not')
  if (cold && isTorn(`${path}-wal`)) throw damage('its WAL has a hole')
}

function sizeOf(path: string): number {
  const stats = statSync(path, { throwIfNoEntry: false })
  return stats?.isFile() === true ? stats.size : 0
}

function openReady(path: string, report: OpenReport, options: OpenOptions): Db {
  const db = openUsable(path, report, options.migrations)
  try {
    const isDistrusted = existsSync(distrustPath(path))
    if (isDistrusted) assertIntact(db)
    else if (options.suspect) assertSound(db)
    report.migratedFrom = migrate(path, db, options.migrations)
    if (isDistrusted) assertConsistent(db)
    else if (db.prepare('SELECT epoch FROM lease').get() === undefined) throw damage('its lease is gone')
    return db
  } catch (error) {
    closeForGood(db)
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
  if (verdict !== 'ok') throw damage(String(verdict))
}

/** Every page and every index. */
function assertIntact(db: Db): void {
  const verdict = db.pragma('integrity_check(1)', { simple: true })
  if (verdict !== 'ok') throw damage(String(verdict))
}

/** Whether the rows can be read and agree with each other, in the shape this code knows. */
function assertConsistent(db: Db): void {
  const [first] = disagreements(db)
  if (first !== undefined) throw damage(first)
}

function damage(what: string): Error {
  return Object.assign(new Error(`The journal is damaged: ${what}`), { code: 'SQLITE_CORRUPT' })
}
