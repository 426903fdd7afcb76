import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import type { PushData, PushName } from '../contracts/events.ts'
import { KsiError } from '../lib/errors.ts'
import { Boots } from './boots.ts'
import { Checkpoints } from './checkpoints.ts'
import { Conversations } from './conversations.ts'
import { Cursors } from './cursors.ts'
import { Events } from './events.ts'
import type { JournalEvent } from './events.ts'
import { Finished } from './finished.ts'
import { ForwardClock } from './forward-clock.ts'
import type { TimeSource } from './forward-clock.ts'
import { Hand } from './hand.ts'
import { Lanes } from './lanes.ts'
import { ModuleStates } from './module-states.ts'
import type { OpenReport } from './open-journal.ts'
import { openJournal } from './open-journal.ts'
import type { Db } from './open.ts'
import { busyTimeoutMs, handle, isDiskFull, syncLevelOf } from './open.ts'
import { Outbox } from './outbox.ts'
import { queuesOf } from './reader.ts'
import { Replies } from './replies.ts'
import { Requests } from './requests.ts'
import { Runs } from './runs.ts'
import { loudly, safely } from './safely.ts'
import { Sql } from './sql.ts'
import { WalSync, syncFolder } from './wal-sync.ts'
import type { SyncFile } from './wal-sync.ts'

export type { JournalEvent } from './events.ts'
export type { OpenReport } from './open-journal.ts'

/** How a journal is opened. */
export interface JournalOptions {
  /** true after a crash: the file is checked page by page if it is not too large */
  suspect: boolean
  /** epoch ms */
  now: number
  /** the folder of the numbered migrations; given by tests */
  migrations?: string
  /** `disk`: what is told is on disk; `process` (when not given): it outlives the process, not a power cut */
  durability?: 'disk' | 'process'
  /** in the place of the system's own; given by tests */
  sync?: SyncFile
  time?: TimeSource
  /** told that the disk fails; otherwise it shows as an unhandled rejection */
  onTrouble?: (error: Error) => void
}

/** How long `flush` waits for readers. A generation that lets go has 3 s for everything. */
const flushWaitMs = 100

/**
 * The journal, open for writing by one generation. Every write is a transaction that first looks whether this
 * generation still holds the lease; a retired one can write nothing more. Its parts are the tables with their verbs.
 */
export class Journal {
  readonly epoch: number
  readonly report: OpenReport
  readonly runs: Runs
  readonly conversations: Conversations
  readonly requests: Requests
  readonly lanes: Lanes
  readonly finished: Finished
  readonly events: Events
  readonly replies: Replies
  readonly cursors: Cursors
  /** What waits, waits by this one. */
  readonly clock: ForwardClock
  readonly checkpoints: Checkpoints
  readonly moduleStates: ModuleStates
  readonly boots: Boots
  readonly hand: Hand
  readonly [handle]: Db
  readonly #sql: Sql
  readonly #sync: WalSync
  readonly #outbox: Outbox
  readonly #runIn: (work: () => unknown) => unknown
  #after: (() => void)[] = []
  #full: Error | undefined
  /** Transactions and parts of them that run now. */
  #depth = 0
  /**
   * Why SQLite rolled all of the running transaction back, though only a part of it failed: that is how it meets a full
   * disk.
   */
  #undone: { cause: unknown } | undefined

  private constructor(path: string, opened: ReturnType<typeof openJournal>, options: JournalOptions) {
    const { db, epoch, report, before, tick } = opened
    this[handle] = db
    this.epoch = epoch
    this.report = report
    this.#sql = new Sql(db)
    this.#outbox = new Outbox(db, tick)
    this.runs = new Runs(db)
    this.conversations = new Conversations(db)
    this.requests = new Requests(db, this)
    this.lanes = new Lanes(db)
    this.finished = new Finished(db)
    this.events = new Events(db, () => this.#outbox.told)
    this.replies = new Replies(db)
    this.cursors = new Cursors(db)
    this.clock = new ForwardClock(db, this.cursors, options.time)
    this.moduleStates = new ModuleStates(db)
    this.checkpoints = new Checkpoints(db, this.moduleStates)
    this.boots = new Boots(db)
    this.hand = new Hand(`${path}-hand`, epoch, before)
    const disk = options.durability === 'disk' && report.mode === 'WAL'
    this.#sync = new WalSync(disk ? `${path}-wal` : undefined, {
      sync: options.sync,
      recover: () => this.flush(),
      onTrouble: options.onTrouble ?? loudly,
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
      if (!outermost && !this[handle].inTransaction) this.#undone = { cause: error }
      if (error instanceof Error && isDiskFull(error)) this.#full = error
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

  /** Why nothing can be synced just now, if so. */
  get trouble(): Error | undefined {
    return this.#sync.trouble
  }

  /** Why nothing can be kept just now, if so: a sync that fails, or no room; and how long, in ms, syncs take. */
  get disk(): { trouble: Error | undefined; syncMs: number } {
    return { trouble: this.#sync.trouble ?? this.#full, syncMs: this.#sync.syncMs }
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
    const db = this[handle]
    db.pragma('synchronous = FULL')
    // Busy readers (the sidecar) can keep the WAL from being cut; what counts is that it is synced. So no long wait for
    // them.
    db.pragma(`busy_timeout = ${flushWaitMs}`)
    db.pragma('wal_checkpoint(TRUNCATE)')
    db.pragma(`busy_timeout = ${busyTimeoutMs}`)
    db.pragma(`synchronous = ${syncLevelOf(this.report.mode)}`)
    this.#sync.allSynced()
  }

  /** Gives up to `pages` free pages back to the file system. Call within a transaction. @returns how many are free */
  shrink(pages: number): number {
    const free = Number(this[handle].pragma('freelist_count', { simple: true }))
    if (free > pages) this[handle].pragma(`incremental_vacuum(${pages})`)
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
    if (!this[handle].open) return
    this.#sync.close()
    this.hand.close()
    this[handle].close()
  }

  #transactions(): (work: () => unknown) => unknown {
    const db = this[handle]
    const inTransaction = db.transaction((work: () => unknown): unknown => {
      if (this.#sql.value('SELECT epoch FROM lease WHERE id = 1') !== this.epoch)
        throw new KsiError('KSI_FENCED', `Generation ${this.epoch} no longer holds the journal: a newer one does.`)
      const result = work()
      if (this.#undone !== undefined) throw this.#undone.cause
      return result
    })
    const nested = db.transaction((work: () => unknown): unknown => work())
    return (work) => (this.#depth > 1 ? nested(work) : inTransaction.immediate(work))
  }

  #tell(wrote: boolean): void {
    const calls = this.#after
    if (calls.length > 0) this.#after = []
    if (wrote) {
      this.#full = undefined
      this.#sync.committed()
    }
    const tick = this.#outbox.committed()
    // The transaction is committed: an error after it must not look like a failure of it.
    for (const call of calls) safely(call)
    if (tick !== undefined) this.#sync.whenSynced(() => this.#outbox.deliver(tick))
  }
}
