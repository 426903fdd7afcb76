import { existsSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { discardedMark } from '../lib/discarded-mark.ts'
import { reach } from './daemon-link.ts'
import type { Invocation } from './command.ts'
import { count } from './output.ts'

/** What a ksi has in hand, and whether that outlives it. */
export interface Stock {
  queued: number
  processing: number
  /** the journal's file */
  journal: string
  kept: boolean
}

/** What waits and runs in the ksi a command is about; undefined when that cannot be learned. */
export async function stockOf(invocation: Invocation): Promise<Stock | undefined> {
  try {
    await using client = await reach({ ...invocation, timeoutMs: 2_000 }, { reconnect: false })
    const { journal } = await client.request('supervisor:status')
    const counts = await client.request('completion:status')
    if (!('service_ready' in counts)) return undefined
    const { queued, processing } = counts.status_counts
    return { queued, processing, journal: journal.path, kept: journal.kept }
  } catch {
    // Nobody answers, or not in time: whoever asks goes on without it.
    return undefined
  }
}

/** `3 requests queued and 1 running`; undefined when there is nothing. */
export function tellStock(stock: Stock | undefined): string | undefined {
  if (stock === undefined || stock.queued + stock.processing === 0) return undefined
  return `${count(stock.queued, 'request')} queued and ${stock.processing} running`
}

/** The journal production keeps under a root. */
export function productionJournal(root: string): string {
  return join(root, 'var/db/checkpoint.db')
}

/**
 * Puts the journal of a ksi that has ended aside, so that the next start begins empty.
 * @returns where it is now; undefined when there was none
 */
export function putAside(journal: string): string | undefined {
  if (!existsSync(journal)) return undefined
  // Before it is gone: else the next start would tell of a loss.
  writeFileSync(discardedMark(journal), '', { mode: 0o600 })
  const aside = `${journal}.discarded-${new Date().toISOString().replaceAll(/[:.]/g, '-')}`
  for (const suffix of ['-wal', '-shm', ''])
    if (existsSync(journal + suffix)) renameSync(journal + suffix, aside + suffix)
  return aside
}
