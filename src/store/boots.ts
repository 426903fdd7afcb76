import { iso, isoOrNull } from '../lib/time.ts'
import type { BootFailure, Phases, RestoreReport } from '../contracts/control.ts'
import type { BootRecord } from '../contracts/status.ts'
import type { BootCause, PreviousEnd } from '../contracts/words.ts'
import type { Sql } from './sql.ts'
import { readStored } from './stored.ts'

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

/** A boot about to open its record. */
export interface NewBoot {
  boot_id: string
  generation: number
  cause: BootCause
  files: string[]
  /** epoch ms */
  at: number
  previous_end: PreviousEnd
  previous_detail?: string | undefined
  /** epoch ms */
  now: number
}

/** The records of boots. Write within `journal.tx`. */
export class Boots {
  readonly #sql: Sql

  constructor(sql: Sql) {
    this.#sql = sql
  }

  /**
   * Opens a boot's record, and closes the record of whoever was live before and could not do so itself.
   * @returns how the previous one ended, as the journal and the supervisor know it together
   */
  open(boot: NewBoot): PreviousEnd {
    const before = this.#sql.one<{ end: string | null; boot_id: string }>(
      'SELECT boot_id, end FROM boots WHERE generation IS NOT NULL ORDER BY id DESC LIMIT 1',
    )
    const previousEnd = before === undefined ? 'none' : endOf(before.end, boot.previous_end)
    if (before?.end === null) {
      const end = boot.previous_detail === undefined ? previousEnd : `${previousEnd}: ${boot.previous_detail}`
      this.#sql.run('UPDATE boots SET ended_at = ?, end = ? WHERE boot_id = ?', boot.now, end, before.boot_id)
    }
    const { boot_id, generation, cause, at } = boot
    this.#sql.run(
      `INSERT INTO boots (boot_id, generation, cause, files, at, previous_end, previous_detail, phases)
       VALUES (?, ?, ?, ?, ?, ?, ?, '{}')`,
      boot_id,
      generation,
      cause,
      JSON.stringify(boot.files),
      at,
      previousEnd,
      boot.previous_detail ?? null,
    )
    this.#sql.run('DELETE FROM boots WHERE id <= (SELECT max(id) FROM boots) - ?', kept)
    return previousEnd
  }

  /** The boot went live. */
  live(bootId: string, now: number, restored: RestoreReport): void {
    const text = JSON.stringify(restored)
    this.#sql.run('UPDATE boots SET live_at = ?, restored = ? WHERE boot_id = ?', now, text, bootId)
  }

  /** How long each part took, once the supervisor knows them all. */
  phases(bootId: string, phases: Phases): void {
    this.#sql.run('UPDATE boots SET phases = ? WHERE boot_id = ?', JSON.stringify(phases), bootId)
  }

  /** The generation lets go: `handover` to the next one, or `clean` at the end of all. */
  ended(bootId: string, end: 'handover' | 'clean', now: number): void {
    this.#sql.run('UPDATE boots SET ended_at = ?, end = ? WHERE boot_id = ?', now, end, bootId)
  }

  /** A boot that never went live; its record is written by the generation that serves on. */
  failed(failure: BootFailure): void {
    const { boot_id, cause, files, at, error } = failure
    this.#sql.run(
      `INSERT INTO boots (boot_id, cause, files, at, ended_at, end, previous_end, phases, error)
       VALUES (?, ?, ?, ?, ?, 'failed', 'none', '{}', ?)
       ON CONFLICT (boot_id) DO UPDATE SET end = 'failed', error = excluded.error`,
      boot_id,
      cause,
      JSON.stringify(files),
      at,
      Date.now(),
      JSON.stringify(error),
    )
  }

  list(limit: number): BootRecord[] {
    return boots(this.#sql, limit)
  }
}

/** An open record that the supervisor saw nothing of: its container or machine went away. */
function endOf(end: string | null, seen: PreviousEnd): PreviousEnd {
  if (end === null) return seen === 'crash' ? 'crash' : 'never-ended'
  return end === 'handover' ? 'handover' : 'clean'
}

/** The newest boots, newest first. */
export function boots(sql: Sql, limit: number): BootRecord[] {
  return sql.all<BootRow>('SELECT * FROM boots ORDER BY id DESC LIMIT ?', limit).map(toRecord)
}

/** Those that were live, or came up, within a time (epoch ms), oldest first. */
export function bootsWithin(sql: Sql, from: number, to: number): BootRecord[] {
  return sql
    .all<BootRow>(
      `SELECT * FROM boots WHERE generation IS NOT NULL AND at <= ? AND coalesce(ended_at, ?) >= ?
       ORDER BY id DESC LIMIT 100`,
      to,
      to,
      from,
    )
    .map(toRecord)
    .toReversed()
}

/** By its id, or by the number of its generation. */
export function bootOf(sql: Sql, name: string): BootRecord | undefined {
  const row = sql.one<BootRow>(
    'SELECT * FROM boots WHERE boot_id = ? OR generation = ? ORDER BY id DESC LIMIT 1',
    name,
    /^\d{1,9}$/.test(name) ? Number(name) : -1,
  )
  return row && toRecord(row)
}

function toRecord(row: BootRow): BootRecord {
  return {
    boot_id: row.boot_id,
    generation: row.generation,
    cause: row.cause,
    files: readStored<string[], string[]>(row.files, []),
    at: iso(row.at),
    live_at: isoOrNull(row.live_at),
    ended_at: isoOrNull(row.ended_at),
    end: row.end,
    previous_end: row.previous_end,
    previous_detail: row.previous_detail,
    phases: readStored<Phases, Phases>(row.phases, {}),
    restored: readStored<RestoreReport, null>(row.restored, null),
    error: readStored<BootFailure['error'], null>(row.error, null),
  }
}
