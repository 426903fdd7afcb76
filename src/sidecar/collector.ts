import { iso, isoOrNull } from '../lib/time.ts'
import type { StatusDocument } from '../contracts/status.ts'
import type { Reading } from './reading.ts'
import type { Readings } from './readings.ts'
import type { Verdict } from './verdict.ts'
import { judge } from './verdict.ts'

/**
 * Puts what the sources know into the status document. Pure: the same readings at the same time give the same document.
 */
export function collect(readings: Readings, nowMs: number): StatusDocument {
  const verdict = judge(readings, nowMs)
  return {
    status: verdict.status,
    summary: summaryOf(verdict),
    lead: verdict.lead,
    notes: verdict.notes.map(({ atMs, ...note }) => ({ ...note, since: iso(atMs) })),
    unknown_since: isoOrNull(verdict.unknownSinceMs),
    since: iso(verdict.sinceMs),
    generation: generationOf(readings),
    phase: verdict.phase,
    at: iso(nowMs),
    daemon: sourceOf(readings.daemon),
    journal: sourceOf(readings.journal),
    docker: sourceOf(readings.docker),
  }
}

/** All of it as one text. Of a daemon that does not serve the first sentence says all but what to do. */
function summaryOf({ status, lead, notes }: Verdict): string {
  return status === 'fail' ? lead : [lead, ...notes.map(({ text }) => text)].join(' ')
}

/** The document without the times of the readings: equal when nothing has changed that a person could see. */
export function fingerprint(document: StatusDocument): string {
  const still = { at: null }
  return JSON.stringify({
    ...document,
    ...still,
    daemon: { ...document.daemon, ...still },
    journal: { ...document.journal, ...still },
    docker: { ...document.docker, ...still },
  })
}

/** The live generation, or the last known one. */
function generationOf({ daemon, journal }: Readings): number | null {
  if (daemon.state === 'fine' && daemon.facts?.generation != null) return daemon.facts.generation
  const last = journal.facts?.generation ?? 0
  return last > 0 ? last : (daemon.facts?.generation ?? null)
}

function sourceOf<T>(reading: Reading<T>): { ok: boolean; error: string | null; at: string | null; facts: T | null } {
  return { ok: reading.state === 'fine', error: reading.error, at: isoOrNull(reading.atMs), facts: reading.facts }
}
