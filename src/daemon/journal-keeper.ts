import { messageOf } from '../lib/errors.ts'
import type { Core } from './core.ts'

/** Twice a second: within one what was removed is noticed. */
const lookMs = 500

/**
 * Sees to it that the journal stays this generation's and where it belongs: what was removed or replaced is put back,
 * and where another generation writes to it, or it is damaged, this one ends.
 * @param end told why, in a sentence
 */
export function keepJournal(core: Core, end: (why: string) => void): { stop(): void } {
  const { journal, generation } = core
  const look = async (): Promise<void> => {
    const damage = journal.damage
    if (damage !== undefined)
      return end(`the journal is damaged (${damage}), and what can be read of it is to be saved`)
    const newer = journal.newerEpoch()
    if (newer !== undefined)
      return end(`generation ${newer} holds the journal now, and this one is generation ${generation}`)
    await journal.place.keep()
  }
  const timer = setInterval(() => {
    look().catch((error: unknown) =>
      core.log.error({ err: error }, `the journal was not looked at: ${messageOf(error)}`),
    )
  }, lookMs)
  return { stop: () => clearInterval(timer) }
}

/** `dev:losses`: what was lost, until somebody has acknowledged it. */
export function registerLosses(core: Core): void {
  core.router.on(
    'dev:losses',
    ({ action }) => {
      const acknowledged = action === 'acknowledge'
      const losses = acknowledged ? core.journal.losses.acknowledge() : core.journal.losses.list
      if (acknowledged && losses.length > 0) core.log.info({ losses }, 'what was lost is acknowledged')
      return { losses: [...losses], acknowledged }
    },
    { service: 'losses' },
  )
}
