import { accessSync, constants, existsSync } from 'node:fs'
import type { JournalFacts } from '../../contracts/status.ts'
import { KsiError, messageOf, systemCodeOf } from '../../lib/errors.ts'
import type { FactsReader } from '../../store/reader.ts'
import type { NewestReading } from '../reading.ts'

/** What of the journal the status document carries. */
const limits = { boots: 50, checkpoints: 20, queues: 200 }

/** A writer that comes back clears these within a moment; said only when they stay. */
const passing =
  /^SQLITE_(BUSY|LOCKED|READONLY_RECOVERY|READONLY_ROLLBACK|READONLY_CANTINIT|CANTOPEN_DIRTYWAL|IOERR_SHORT_READ)/
const triesBeforeSaid = 5

interface JournalSourceOptions<R extends FactsReader> {
  path: string
  keepsState: boolean
  open: (path: string) => R
  newest: NewestReading<JournalFacts>
}

/**
 * The journal, by short reads on a read-only connection. One look at a time; the connection stays open between looks,
 * since opening costs more than reading.
 */
export class JournalSource<R extends FactsReader> {
  readonly #options: JournalSourceOptions<R>
  #reader: R | undefined
  #facts: JournalFacts | undefined
  #failures = 0

  constructor(options: JournalSourceOptions<R>) {
    this.#options = options
  }

  /** Reads what has changed into the newest reading. Never throws: a journal that cannot be read is a finding. */
  look(): void {
    try {
      const reader = this.#current()
      if (reader.changed() || !this.#facts) this.#facts = reader.facts(limits)
      this.#failures = 0
      this.#options.newest.good(this.#facts)
    } catch (error) {
      this.close()
      this.#report(error)
    }
  }

  /**
   * Reads something else of it, now.
   * @throws KsiError KSI_UNREACHABLE when it cannot be read, with why
   */
  read<T>(what: (reader: R) => T): T {
    try {
      return what(this.#current())
    } catch (error) {
      if (error instanceof KsiError) throw error
      this.close()
      this.#report(error)
      const why = this.#options.newest.reading.error ?? `The journal cannot be read just now (${messageOf(error)}).`
      throw new KsiError('KSI_UNREACHABLE', why, { cause: error })
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

  #current(): R {
    // A restore by rename leaves an open connection at the old file for ever, without any error.
    if (this.#reader && !this.#reader.current()) this.close()
    this.#reader ??= this.#options.open(this.#options.path)
    return this.#reader
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
