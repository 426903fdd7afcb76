import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import type { PushData, PushName } from '../contracts/events.ts'
import { KsiError, messageOf } from '../lib/errors.ts'
import type { JournalEvent } from './events.ts'
import { ForwardClock } from './forward-clock.ts'
import { Hand } from './hand.ts'
import { JournalPlace } from './journal-place.ts'
import { Losses } from './losses.ts'
import type { OpenReport } from './open-journal.ts'
import { markDistrusted, openJournal } from './open-journal.ts'
import type { Db } from './open.ts'
import { closeForGood, foldWal, handle, isDamage } from './open.ts'
import { Outbox } from './outbox.ts'
import { queuesOf } from './reader.ts'
import { loudly, safely } from './safely.ts'
import { Sql } from './sql.ts'
import { Tables } from './tables.ts'
import { syncFolder } from './sync-folder.ts'
import { WalSync } from './wal-sync.ts'
import type { JournalOptions } from './journal-options.ts'

export type { JournalEvent } from './events.ts'
export type { JournalOptions } from './journal-options.ts'

/**
 * The journal, open for writing by one generation. Every write is a transaction that first looks whether this
 * generation still holds the lease; a retired one can write nothing more. Its parts are the tables with their verbs.
 */
export class Journal extends Tables {
  readonly epoch: number
  readonly report: OpenReport
  /** What waits, waits by this one. */
  readonly clock: ForwardClock
  readonly hand: Hand
  readonly losses: Losses
  readonly place: JournalPlace
  /** What of the journal was found to be damaged, if anything was. */
  damage: string | undefined
  #db: Db
  readonly #path: string
  readonly #options: JournalOptions
  readonly #sql: Sql
  readonly #sync: WalSync
  readonly #outbox: Outbox
  #runIn: (work: () => unknown) => unknown
  #after: (() => void)[] = []
  /** When the work of the last transaction was done, and its commit began. */
  #workedAt = 0
  /** Transactions and parts of them that run now. */
  #depth = 0
  /**
   * Why SQLite rolled all of the running transaction back, though only a part of it failed: that is how it meets a full
   * disk.
   */
  #undone: { cause: unknown } | undefined

  private constructor(path: string, opened: ReturnType<typeof openJournal>, options: JournalOptions) {
    const { db, epoch, report, before, tick } = opened
    const sql = new Sql(db)
    const outbox = new Outbox(sql, tick)
    super(sql, () => outbox.told)
    this.#sql = sql
    this.#outbox = outbox
    this.#db = db
    this.#path = path
    this.#options = options
    this.epoch = epoch
    this.report = report
    this.clock = new ForwardClock(sql, this.cursors, options.time)
    this.hand = new Hand(`${path}-hand`, epoch, before)
    this.losses = new Losses(path)
    this.#sync = new WalSync(this.#syncedPath(), {
      sync: options.sync,
      syncNow: options.syncNow,
      recover: () => this.flush(),
      onTrouble: options.onTrouble ?? loudly,
      onGone: () => void this.place.keep(),
    })
    this.place = new JournalPlace({
      path,
      mode: report.mode,
      db: () => this.#db,
      sync: () => this.#sync,
      onMoved: (moved, mode) => this.#moved(moved, mode),
      onCarried: (missing) => options.onCarried?.(missing),
    })
    this.#runIn = this.#transactions()
    this.tx(() => this.clock.begin())
  }

  /**
   * Opens the journal and takes the lease for a new epoch.
   * A damaged file is moved aside and what can be read is saved; see `report`.
   * @throws KsiError KSI_DB_NOT_WRITABLE, KSI_DISK_FULL, KSI_SCHEMA_NEWER, KSI_MIGRATION_CHANGED
   */
  static open(path: string, bootId: string, options: JournalOptions): Journal {
    const isNew = !existsSync(`${path}-wal`)
    const opened = openJournal(path, bootId, options)
    // A file that is made has to be on disk by its name too; SQLite sees to that only where it syncs each commit.
    if (isNew) syncFolder(dirname(path))
    return new Journal(path, opened, options)
  }

  get [handle](): Db {
    return this.#db
  }

  #moved(db: Db, mode: 'WAL' | 'DELETE'): void {
    this.#db = db
    this.report.mode = mode
    this.#sql.moveTo(db)
    this.#runIn = this.#transactions()
    this.hand.reopen()
    this.losses.keep()
    this.#sync.moveTo(this.#syncedPath())
  }

  /** The file whose sync makes a commit safe; undefined where SQLite does it itself, or nobody is to. */
  #syncedPath(): string | undefined {
    return this.#options.durability === 'disk' && this.report.mode === 'WAL' ? `${this.#path}-wal` : undefined
  }

  /** Something in the journal does not fit: whoever opens it next looks through all of it. */
  distrust(error: unknown): void {
    this.damage ??= messageOf(error)
    markDistrusted(this.#path)
  }

  /** The epoch of a generation that has taken the journal since, if one has. */
  newerEpoch(): number | undefined {
    const epoch = this.#sql.value<number>('SELECT epoch FROM lease WHERE id = 1') ?? 0
    return epoch > this.epoch ? epoch : undefined
  }

  /** Called with the events of committed transactions, in order, once they may be told; in order of registration. */
  onEvents(listener: (events: JournalEvent[]) => void): void {
    this.#outbox.onEvents(listener)
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
    const [mark, calls] = [this.#outbox.mark(), this.#after.length]
    const changes = outermost ? this.changes() : 0
    let result: T
    this.#depth += 1
    try {
      result = this.#runIn(work) as T
    } catch (error) {
      this.#outbox.backTo(mark)
      this.#after.length = calls
      if (!outermost && !this.#db.inTransaction) this.#undone = { cause: error }
      if (isDamage(error)) this.distrust(error)
      this.#sync.refused(error)
      throw error
    } finally {
      this.#depth -= 1
      if (outermost) this.#undone = undefined
    }
    if (outermost) this.#tell(this.changes() !== changes)
    return result
  }

  /** Runs `call` once the outermost transaction is committed; never if it, or the part that asked, is rolled back. */
  afterCommit(call: () => void): void {
    if (this.#depth > 0) this.#after.push(call)
    else call()
  }

  /**
   * Runs `call` once all that is committed by now is on disk (with KSI_DURABILITY=process: at once), in the order in
   * which calls are given. What must not be told of work that a power cut could undo waits here.
   * @param failed called instead when the disk fails; without it the call waits until a later sync succeeds
   */
  whenSynced(call: () => void, failed?: (error: Error) => void): void {
    this.#sync.whenSynced(call, failed)
  }

  /**
   * Resolves when all there is in the journal is on disk, whoever wrote it: nothing may be told before. At once with
   * KSI_DURABILITY=process.
   * @throws the system's error
   */
  synced(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#sync.begin()
      this.#sync.whenSynced(resolve, reject)
    })
  }

  /** Whoever calls has nothing else to do just now: what waits for the disk is synced at once, if that is short. */
  hurry(): void {
    this.#sync.hurry()
  }

  /** Why nothing can be synced just now, if so. */
  get trouble(): Error | undefined {
    return this.#sync.trouble
  }

  /** Why nothing can be kept just now, if so: a sync that fails, or no room; and how long, in ms, syncs take. */
  get disk(): WalSync['disk'] {
    return this.#sync.disk
  }

  /** How many rows this generation has changed. What asks before and after knows whether it wrote. */
  changes(): number {
    return this.#sql.value<number>('SELECT total_changes()') ?? 0
  }

  /** Writes an event to the outbox, within a transaction. @returns its seq: the tick of the transition it tells of */
  emit<N extends PushName>(name: N, data: PushData<N>, requestId: string | null = null): number {
    return this.#outbox.emit(name, data, requestId)
  }

  /** The same for an event that is not in the contract: an add-on module's. */
  emitAny(name: string, data: Record<string, unknown>, requestId: string | null = null): number {
    return this.#outbox.emit(name, data, requestId)
  }

  /** Makes everything committed so far safe against a power cut and folds the WAL into the file. */
  flush(): void {
    this.#sync.byOther(() => foldWal(this.#db, this.report.mode))
  }

  /** Gives up to `pages` free pages back to the file system. Call within a transaction. @returns how many are free */
  shrink(pages: number): number {
    const free = Number(this.#db.pragma('freelist_count', { simple: true }))
    if (free > pages) this.#db.pragma(`incremental_vacuum(${pages})`)
    return free
  }

  /** Conversations with something queued or running, in the order in which they get their turn. */
  queues(limit: number): ReturnType<typeof queuesOf> {
    return queuesOf(this.#sql, limit, (at) => this.clock.toWall(at))
  }

  /**
   * Closes the file. A process that ends does not call this: the last close would remove the WAL, and a reader on a
   * read-only mount could then open nothing.
   */
  close(): void {
    if (!this.#db.open) return
    this.#sync.close()
    this.hand.close()
    closeForGood(this.#db)
  }

  #transactions(): (work: () => unknown) => unknown {
    const db = this.#db
    const inTransaction = db.transaction((work: () => unknown): unknown => {
      if (this.#sql.value('SELECT epoch FROM lease WHERE id = 1') !== this.epoch)
        throw new KsiError('KSI_FENCED', `Generation ${this.epoch} no longer holds the journal: a newer one does.`)
      const result = work()
      if (this.#undone !== undefined) throw this.#undone.cause
      this.#workedAt = performance.now()
      return result
    })
    const nested = db.transaction((work: () => unknown): unknown => work())
    return (work) => (this.#depth > 1 ? nested(work) : inTransaction.immediate(work))
  }

  #tell(wrote: boolean): void {
    const calls = this.#after
    if (calls.length > 0) this.#after = []
    if (wrote) this.#sync.committed(performance.now() - this.#workedAt)
    const tick = this.#outbox.committed()
    // The transaction is committed: an error after it must not look like a failure of it.
    for (const call of calls) safely(call)
    if (tick !== undefined) this.#sync.whenSynced(() => this.#outbox.deliver(tick))
  }
}
