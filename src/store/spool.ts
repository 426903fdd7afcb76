import { mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { spoolEntry } from '../contracts/runner.ts'
import type { SpoolEntry } from '../contracts/runner.ts'
import { systemCodeOf } from '../lib/errors.ts'

/** Where a run's outcome lies. Encoded, so that no id leads out of the folder. */
function fileOf(dir: string, runId: string): string {
  return join(dir, `${encodeURIComponent(runId)}.json`)
}

/**
 * Writes an outcome into the spool, whole or not at all. Not fsynced: the spool is for the death of a process; what
 * dies with the machine is told as lost.
 * @throws the system's own error (ENOSPC, EACCES, …); no half-written file is left then
 */
export function writeSpool(dir: string, entry: SpoolEntry): void {
  const file = fileOf(dir, entry.run_id)
  const draft = `${file}.tmp`
  mkdirSync(dir, { recursive: true })
  try {
    writeFileSync(draft, JSON.stringify(entry), { mode: 0o600 })
    renameSync(draft, file)
  } catch (error) {
    rmSync(draft, { force: true })
    throw error
  }
}

/** Reads one file; `undefined` when another process has just removed it. @throws when it is damaged or unreadable */
function readEntry(file: string): SpoolEntry | undefined {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return undefined
    throw error
  }
  return spoolEntry.parse(JSON.parse(text))
}

/**
 * All outcomes in the spool. A damaged file is renamed to `….corrupt-<epoch ms>` and skipped.
 * @param onDamaged told of each such file, by its new path
 * @throws the system's own error when the folder cannot be read, or a damaged file not be renamed; a missing folder is
 * an empty spool
 */
export function readSpool(dir: string, onDamaged: (file: string, error: unknown) => void = () => {}): SpoolEntry[] {
  const entries: SpoolEntry[] = []
  for (const name of listSpool(dir)) {
    const file = join(dir, name)
    try {
      const entry = readEntry(file)
      if (entry) entries.push(entry)
    } catch (error) {
      const aside = `${file}.corrupt-${Date.now()}`
      renameSync(file, aside)
      onDamaged(aside, error)
    }
  }
  return entries
}

function listSpool(dir: string): string[] {
  try {
    return readdirSync(dir)
      .filter((name) => name.endsWith('.json'))
      .sort()
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return []
    throw error
  }
}

/** Removes a run's outcome from the spool, if it is there. */
export function removeSpool(dir: string, runId: string): void {
  rmSync(fileOf(dir, runId), { force: true })
}
