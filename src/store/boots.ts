import { iso, isoOrNull } from '../contracts/completion.ts'
import type { BootFailure, Phases, RestoreReport } from '../contracts/control.ts'
import type { BootRecord } from '../contracts/status.ts'
import type { BootCause, PreviousEnd } from '../contracts/words.ts'
import type { Db } from './open.ts'
import { rowOf, rowsOf } from './rows.ts'

interface BootRow {
  boot_id: string
  generation: number | null
  cause: BootCause
  files: string
  at: number
  live_at: number | null
  ended_at: number | null
  end: string | null
  previous_end: PreviousEnd
  previous_detail: string | null
  phases: string
  restored: string | null
  error: string | null
}

const kept = 1_000

/**
 * Opens a boot's record, and closes the record of whoever was live before and could not do so itself.
 * Call within a transaction.
 * @returns how the previous one ended, as the journal and the supervisor know it together
 */
export function openBoot(
  db: Db,
  boot: {
    boot_id: string
    generation: number
    cause: BootCause
    files: string[]
    at: number
    previous_end: PreviousEnd
    previous_detail?: string | undefined
    now: number
  },
): PreviousEnd {
  const before = rowOf<{ end: string | null; boot_id: string }>(
    db.prepare('SELECT boot_id, end FROM boots WHERE generation IS NOT NULL ORDER BY id DESC LIMIT 1').get(),
  )
  let previousEnd: PreviousEnd = 'none'
  if (before !== undefined) {
    // An open record that the supervisor saw nothing of: its container or machine went away.
    previousEnd =
      before.end === null
        ? boot.previous_end === 'crash'
          ? 'crash'
          : 'never-ended'
        : before.end === 'handover'
          ? 'handover'
          : 'clean'
    if (before.end === null) {
      const end = boot.previous_detail === undefined ? previousEnd : `${previousEnd}: ${boot.previous_detail}`
      db.prepare('UPDATE boots SET ended_at = ?, end = ? WHERE boot_id = ?').run(boot.now, end, before.boot_id)
    }
  }
  const { boot_id, generation, cause, at } = boot
  const insert = db.prepare(
    "INSERT INTO boots (boot_id, generation, cause, files, at, previous_end, previous_detail, phases) VALUES (?, ?, ?, ?, ?, ?, ?, '{}')",
  )
  insert.run(boot_id, generation, cause, JSON.stringify(boot.files), at, previousEnd, boot.previous_detail ?? null)
  db.prepare('DELETE FROM boots WHERE id <= (SELECT max(id) FROM boots) - ?').run(kept)
  return previousEnd
}

/** The boot went live. */
export function bootLive(db: Db, bootId: string, now: number, restored: RestoreReport): void {
  db.prepare('UPDATE boots SET live_at = ?, restored = ? WHERE boot_id = ?').run(now, JSON.stringify(restored), bootId)
}

/** How long each part took, once the supervisor knows them all. */
export function bootPhases(db: Db, bootId: string, phases: Phases): void {
  db.prepare('UPDATE boots SET phases = ? WHERE boot_id = ?').run(JSON.stringify(phases), bootId)
}

/** The generation lets go: `handover` to the next one, or `clean` at the end of all. */
export function bootEnded(db: Db, bootId: string, end: 'handover' | 'clean', now: number): void {
  db.prepare('UPDATE boots SET ended_at = ?, end = ? WHERE boot_id = ?').run(now, end, bootId)
}

/** A boot that never went live; its record is written by the generation that serves on. */
export function insertFailedBoot(db: Db, failure: BootFailure): void {
  const { boot_id, cause, files, at, error } = failure
  db.prepare(
    "INSERT INTO boots (boot_id, cause, files, at, ended_at, end, previous_end, phases, error) VALUES (?, ?, ?, ?, ?, 'failed', 'none', '{}', ?) ON CONFLICT (boot_id) DO UPDATE SET end = 'failed', error = excluded.error",
  ).run(boot_id, cause, JSON.stringify(files), at, Date.now(), JSON.stringify(error))
}

/** The newest boots, newest first. */
export function listBoots(db: Db, limit: number): BootRecord[] {
  return rowsOf<BootRow>(db.prepare('SELECT * FROM boots ORDER BY id DESC LIMIT ?').all(limit)).map((row) => ({
    boot_id: row.boot_id,
    generation: row.generation,
    cause: row.cause,
    files: JSON.parse(row.files) as string[],
    at: iso(row.at),
    live_at: isoOrNull(row.live_at),
    ended_at: isoOrNull(row.ended_at),
    end: row.end,
    previous_end: row.previous_end,
    previous_detail: row.previous_detail,
    phases: JSON.parse(row.phases) as Phases,
    restored: row.restored === null ? null : (JSON.parse(row.restored) as RestoreReport),
    error: row.error === null ? null : (JSON.parse(row.error) as BootFailure['error']),
  }))
}
