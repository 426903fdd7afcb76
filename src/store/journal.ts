import type { PushData, PushName } from '../contracts/events.ts'
import { KsiError } from '../lib/errors.ts'
import { migrate, putBackIfNewer } from './migrate.ts'
import type { Db } from './open.ts'
import { busyTimeoutMs, isDamage, openForWriting } from './open.ts'
import type { SalvageReport } from './salvage.ts'
import { salvage } from './salvage.ts'

/** An event of the outbox. */
export interface JournalEvent {
  seq: number
  name: string
  /** epoch ms */
  at: number
  data: Record<string, unknown>
}

export interface OpenReport {
  mode: 'WAL' | 'DELETE'
  migratedFrom: number | undefined
  putBack: boolean
  salvaged: SalvageReport | undefined
}

/** Files above this are not checked page by page after a crash: it would take longer than the restart may. */
const checkedBytes = 16 * 1024 * 1024
/** How long `flush` waits for readers. A generation that lets go has 3 s for everything. */
const flushWaitMs = 100

/**
 * The journal, open for writing by one generation. Every write is a transaction that first looks whether this
 * generation still holds the lease; a retired one can write nothing more.
 */
export class Journal {
  readonly db: Db
  readonly epoch: number
  readonly report: OpenReport
  readonly #fence
  readonly #insertEvent
  readonly #runIn: (work: () => unknown) => unknown
  #fresh: JournalEvent[] = []
  #listener: (events: JournalEvent[]) => void = () => {}
  #after: (() => void)[] = []
  /** Transactions and parts of them that run now. */
  #depth = 0
  /**
   * Why SQLite rolled all of the running transaction back, though only a part of it failed: that is how it meets a full
   * disk.
   */
  #undone: { cause: unknown } | undefined

  private constructor(db: Db, epoch: number, report: OpenReport) {
    this.db = db
    this.epoch = epoch
    this.report = report
    this.#fence = db.prepare('SELECT epoch FROM lease WHERE id = 1').pluck()
    this.#insertEvent = db.prepare('INSERT INTO events (name, at, request_id, data) VALUES (?, ?, ?, ?)')
    const inTransaction = db.transaction((work: () => unknown): unknown => {
      if (this.#fence.get() !== epoch)
        throw new KsiError('KSI_FENCED', `Generation ${epoch} no longer holds the journal: a newer one does.`)
      const result = work()
      if (this.#undone !== undefined) throw this.#undone.cause
      return result
    })
    const nested = db.transaction((work: () => unknown): unknown => work())
    this.#runIn = (work) => (this.#depth > 1 ? nested(work) : inTransaction.immediate(work))
  }

  /**
   * Opens the journal and takes the lease for a new epoch.
   * A damaged file is moved aside and what can be read is saved; see `report`.
   * @param suspect true after a crash: the file is checked page by page if it is not too large
   * @param migrations the folder of the numbered migrations; given by tests
   * @throws KsiError KSI_DB_NOT_WRITABLE, KSI_DISK_FULL, KSI_SCHEMA_NEWER
   */
  static open(path: string, bootId: string, options: { suspect: boolean; now: number; migrations?: string }): Journal {
    const report: OpenReport = { mode: 'WAL', migratedFrom: undefined, putBack: false, salvaged: undefined }
    const openUsable = (): Db => {
      const opened = openForWriting(path)
      report.mode = opened.mode
      const epoch = putBackIfNewer(path, opened.db, options.migrations)
      if (epoch === undefined) return opened.db
      report.putBack = true
      const db = openUsable()
      db.prepare('UPDATE lease SET epoch = max(epoch, ?)').run(epoch)
      return db
    }
    const ready = (): Db => {
      const db = openUsable()
      try {
        if (options.suspect) assertSound(db)
        report.migratedFrom = migrate(path, db, options.migrations)
        return db
      } catch (error) {
        db.close()
        throw error
      }
    }
    let db: Db
    try {
      db = ready()
    } catch (error) {
      if (!isDamage(error)) throw error
      report.salvaged = salvage(path, options.now)
      db = ready()
    }
    const take = db.prepare('UPDATE lease SET epoch = epoch + 1, boot_id = ?, taken_at = ? RETURNING epoch').pluck()
    const epoch = db.transaction(() => Number(take.get(bootId, options.now))).immediate()
    return new Journal(db, epoch, report)
  }

  /** Called with the events of each committed transaction, in order. */
  onEvents(listener: (events: JournalEvent[]) => void): void {
    this.#listener = listener
  }

  /**
   * Runs `work` in a transaction; within another one, as a part of it that can fail on its own (unless the failure is a
   * full disk: SQLite then undoes the whole, and the whole fails).
   * `work` must not await. Listeners hear of its events only after the outermost commit.
   * @throws KsiError KSI_FENCED, or what `work` or SQLite throws; then nothing of it is kept
   */
  tx<T>(work: () => T): T {
    // The caller has caught what undid the transaction around it: more work would be kept without the rest.
    if (this.#undone !== undefined) throw this.#undone.cause
    const outermost = this.#depth === 0
    const [events, calls] = [this.#fresh.length, this.#after.length]
    let result: T
    this.#depth += 1
    try {
      result = this.#runIn(work) as T
    } catch (error) {
      this.#fresh.length = events
      this.#after.length = calls
      if (!outermost && !this.db.inTransaction) this.#undone = { cause: error }
      throw error
    } finally {
      this.#depth -= 1
      if (outermost) this.#undone = undefined
    }
    if (outermost) this.#tell()
    return result
  }

  /** Runs `call` once the outermost transaction is committed; never if it, or the part that asked, is rolled back. */
  afterCommit(call: () => void): void {
    if (this.#depth > 0) this.#after.push(call)
    else call()
  }

  /** Writes an event to the outbox, within a transaction. @returns its seq: the tick of the transition it tells of */
  emit<N extends PushName>(name: N, data: PushData<N>, requestId: string | null = null): number {
    return this.emitAny(name, data, requestId)
  }

  /** The same for an event that is not in the contract: an add-on module's. */
  emitAny(name: string, data: Record<string, unknown>, requestId: string | null = null): number {
    const at = Date.now()
    const seq = Number(this.#insertEvent.run(name, at, requestId, JSON.stringify(data)).lastInsertRowid)
    this.#fresh.push({ seq, name, at, data })
    return seq
  }

  /** A transaction that is safe against a power cut, with everything committed before it, when this returns. */
  durably<T>(work: () => T): T {
    this.db.pragma('synchronous = FULL')
    try {
      return this.tx(work)
    } finally {
      this.db.pragma('synchronous = NORMAL')
    }
  }

  /** Makes everything committed so far safe against a power cut and folds the WAL into the file. */
  flush(): void {
    this.db.pragma('synchronous = FULL')
    // Busy readers (the sidecar) can keep the WAL from being cut; what counts is that it is synced. So no long wait for
    // them.
    this.db.pragma(`busy_timeout = ${flushWaitMs}`)
    this.db.pragma('wal_checkpoint(TRUNCATE)')
    this.db.pragma(`busy_timeout = ${busyTimeoutMs}`)
    this.db.pragma('synchronous = NORMAL')
  }

  /**
   * Closes the file. A process that ends does not call this: the last close would remove the WAL, and a reader on a
   * read-only mount could then open nothing (reference/containers.md E).
   */
  close(): void {
    if (this.db.open) this.db.close()
  }

  #tell(): void {
    const [events, calls] = [this.#fresh, this.#after]
    if (calls.length > 0) this.#after = []
    if (events.length > 0) this.#fresh = []
    // What the transaction asked for comes first: response files are written before anyone is told of the result.
    for (const call of calls) safely(call)
    if (events.length > 0) safely(() => this.#listener(events))
  }
}

/**
 * The transaction is committed: an error after it must not look like a failure of it. It shows as an unhandled
 * rejection.
 */
function safely(call: () => void): void {
  try {
    call()
  } catch (error) {
    void Promise.reject(error)
  }
}

function assertSound(db: Db): void {
  const size = Number(db.pragma('page_count', { simple: true })) * Number(db.pragma('page_size', { simple: true }))
  if (size > checkedBytes) return
  const verdict = db.pragma('quick_check(1)', { simple: true })
  if (verdict !== 'ok')
    throw Object.assign(new Error(`The journal is damaged: ${String(verdict)}`), { code: 'SQLITE_CORRUPT' })
}
