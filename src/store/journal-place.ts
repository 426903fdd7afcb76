import { KsiError, messageOf } from '../lib/errors.ts'
import { copyAside, dropCopy, putInPlace } from './carry-over.ts'
import { JournalFiles } from './journal-files.ts'
import type { Db } from './open.ts'
import { explainStoreError, openForWriting } from './open.ts'
import type { WalSync } from './wal-sync.ts'

type Mode = 'WAL' | 'DELETE'

interface PlaceOptions {
  path: string
  mode: Mode
  /** the open connection, as it is just now */
  db: () => Db
  sync: () => WalSync
  /** Everything is done with this connection from now on. */
  onMoved: (db: Db, mode: Mode) => void
  /** The journal was carried over into a new file: what had become of the old one. */
  onCarried: (missing: string) => void
}

/**
 * Where the journal lies. What is written must be found under its name: where somebody has removed or replaced the
 * file, what is open is copied into a new one in its place, and work goes on there.
 */
export class JournalPlace {
  readonly #o: PlaceOptions
  #files: JournalFiles
  #carrying: Promise<void> | undefined

  constructor(options: PlaceOptions) {
    this.#o = options
    this.#files = new JournalFiles(options.path, options.mode)
  }

  /** Whether what is written goes to where it is looked for. */
  get isRight(): boolean {
    return this.#carrying === undefined && this.#files.areThere
  }

  /** @throws KsiError KSI_DB_NOT_WRITABLE */
  assertRight(): void {
    if (this.isRight) return
    const message = `The journal is not where it was (${this.#files.missing}), and is not put back yet.`
    throw new KsiError('KSI_DB_NOT_WRITABLE', message)
  }

  /**
   * Looks whether the files this journal is written to are still those under its name. If not, nothing counts as safe
   * any more until all of it, with what is written meanwhile, is carried over into a new file in that place: resolves
   * then, or when that cannot be done now: it is told as trouble, and to be tried again. Call it at least every second.
   * @returns whether the files are in their place
   */
  async keep(): Promise<boolean> {
    if (!this.#o.db().open || this.isRight) return true
    this.#o.sync().drift()
    this.#carrying ??= this.#carryOver().finally(() => (this.#carrying = undefined))
    await this.#carrying
    return this.#files.areThere
  }

  async #carryOver(): Promise<void> {
    const { path, db, onCarried } = this.#o
    const { missing } = this.#files
    try {
      await copyAside(db(), path)
      // No other work between the last page of the copy and here.
      this.#moveTo()
      onCarried(missing)
    } catch (error) {
      dropCopy(path)
      const why = `The journal is not where it was (${missing}), and cannot be put back (${messageOf(error)})`
      const explained = explainStoreError(error, 'it cannot be put back')
      const code = explained instanceof KsiError ? explained.code : 'KSI_DB_NOT_WRITABLE'
      this.#o.sync().fail(new KsiError(code, `${why}: nothing is taken until it is.`, { cause: error }))
    }
  }

  /** The old connection is left as it is: to close it would remove a WAL by its name. */
  #moveTo(): void {
    const { path, onMoved } = this.#o
    putInPlace(path, Date.now())
    const { db, mode } = openForWriting(path)
    onMoved(db, mode)
    this.#files = new JournalFiles(path, mode)
  }
}
