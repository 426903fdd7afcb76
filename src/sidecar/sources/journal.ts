import { accessSync, constants, existsSync } from 'node:fs'
import type { JournalFacts } from '../../contracts/status.ts'
import { messageOf, systemCodeOf } from '../../lib/errors.ts'
import type { JournalReader } from '../../store/reader.ts'
import type { Poller } from '../poller.ts'
import { startPoller } from '../poller.ts'
import type { NewestReading } from '../reading.ts'

/** What of the journal the status document carries. */
const limits = { boots: 50, checkpoints: 20, queues: 200 }

/** A writer that comes back clears these within a moment; said only when they stay. */
const passing =
  /^SQLITE_(BUSY|LOCKED|READONLY_RECOVERY|READONLY_ROLLBACK|READONLY_CANTINIT|CANTOPEN_DIRTYWAL|IOERR_SHORT_READ)/
const triesBeforeSaid = 5

/** Keeps reading the journal, by short reads on a read-only connection. */
export function startJournalSource(options: {
  path: string
  keepsState: boolean
  open: (path: string) => JournalReader
  newest: NewestReading<JournalFacts>
  everyMs: () => number
}): Poller {
  const journal = new JournalSource(options)
  const poller = startPoller({
    everyMs: options.everyMs,
    look: () => {
      journal.look()
    },
  })
  return {
    poke: () => {
      poller.poke()
    },
    stop: async () => {
      await poller.stop()
      journal.close()
    },
  }
}

/**
 * One look at the journal at a time; the connection stays open between looks, since opening costs more than reading.
 */
export class JournalSource {
  readonly #options: {
    path: string
    keepsState: boolean
    open: (path: string) => JournalReader
    newest: NewestReading<JournalFacts>
  }
  #reader: JournalReader | undefined
  #facts: JournalFacts | undefined
  #failures = 0

  constructor(options: {
    path: string
    keepsState: boolean
    open: (path: string) => JournalReader
    newest: NewestReading<JournalFacts>
  }) {
    this.#options = options
  }

  /** Reads what has changed into the newest reading. Never throws: a journal that cannot be read is a finding. */
  look(): void {
    try {
      // A restore by rename leaves an open connection at the old file for ever, without any error.
      if (this.#reader && !this.#reader.current()) this.close()
      this.#reader ??= this.#options.open(this.#options.path)
      if (this.#reader.changed() || !this.#facts) this.#facts = this.#reader.facts(limits)
      this.#failures = 0
      this.#options.newest.good(this.#facts)
    } catch (error) {
      this.close()
      this.#report(error)
    }
  }

  close(): void {
    const reader = this.#reader
    this.#reader = undefined
    this.#facts = undefined
    try {
      reader?.close()
    } catch {
      // A connection that does not close is no use to anybody any more.
    }
  }

  #report(error: unknown): void {
    const { newest, path } = this.#options
    const code = systemCodeOf(error) ?? ''
    this.#failures += 1
    if (passing.test(code)) {
      if (this.#failures >= triesBeforeSaid)
        newest.bad('failed', `The journal cannot be read until the daemon has opened it again (${code}).`)
      return
    }
    if (!existsSync(path)) return newest.bad('absent', this.#absence())
    if (!readable(path))
      return newest.bad(
        'failed',
        `The journal ${path} cannot be read by this user: run the sidecar as the daemon's user.`,
      )
    if (code.startsWith('SQLITE_CANTOPEN'))
      return newest.bad(
        'closed',
        'The journal was closed cleanly and cannot be opened read-only until the daemon opens it again: ' +
          'these are the last known facts.',
      )
    newest.bad('failed', `The journal cannot be read: ${messageOf(error)}${code === '' ? '' : ` (${code})`}.`)
  }

  #absence(): string {
    const { path, keepsState } = this.#options
    const why = keepsState ? 'the daemon has not run here yet' : 'production keeps none with KSI_CHECKPOINT=off'
    return `There is no journal at ${path}: ${why}.`
  }
}

function readable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK)
    return true
  } catch {
    return false
  }
}
