import type { ToGeneration } from '../contracts/control.ts'
import type { Settings } from '../contracts/settings.ts'
import type { Log } from '../lib/log.ts'
import { highestEpoch, noteEpoch } from '../store/epochs.ts'
import { Journal } from '../store/journal.ts'
import type { Core } from './core.ts'
import type { ModuleHostOptions } from './module-host/module-host.ts'

type Activate = Extract<ToGeneration, { type: 'activate' }>

/** Opens it above every epoch that anybody has noted. */
export function openJournal(
  { paths, keepsState, KSI_DURABILITY: durability }: Settings,
  log: Log,
  options: Pick<Activate, 'boot_id' | 'floor' | 'previous_end' | 'cause'> & {
    suspect: boolean
    onTrouble: ModuleHostOptions['onTrouble']
  },
): Journal {
  const { floor: live, suspect, onTrouble = () => {} } = options
  const floor = Math.max(live, highestEpoch(paths.epochs))
  const journal = Journal.open(paths.journal, options.boot_id, {
    suspect,
    now: Date.now(),
    durability,
    floor,
    known: keepsState ? floor : live,
    cold: options.previous_end === 'none',
    handedOver: options.previous_end === 'handover' && (options.cause === 'save' || options.cause === 'reload'),
    onTrouble,
    onCarried: (missing) =>
      log.error({ missing }, 'the journal was not where it was any more: all of it was carried over into a new file'),
  })
  noteEpoch(paths.epochs, journal.epoch)
  return journal
}

/** Says what was found when the journal was opened. */
export function reportOpening(core: Core): void {
  const { mode, migratedFrom, putBack, salvaged } = core.journal.report
  const { log, settings } = core
  if (mode === 'DELETE')
    log.warn(
      { journal: settings.paths.journal },
      'this file system cannot be trusted with a WAL: the journal works in DELETE mode, more slowly',
    )
  if (migratedFrom !== undefined)
    log.info({ from: migratedFrom }, 'the journal was migrated; a copy of it was set aside')
  if (putBack) log.warn('the journal as it was before a migration that failed to go live was put back')
  if (salvaged !== undefined)
    log.error(salvaged, 'the journal was damaged: it was moved aside and what can be read was saved')
}
