import { closeSync, fdatasync, fdatasyncSync, fstatSync, openSync } from 'node:fs'
import { KsiError } from '../lib/errors.ts'
import { isDiskFull } from './open.ts'
import { safely } from './safely.ts'
import { SlowestSync } from './slowest-sync.ts'
import { SyncPace } from './sync-pace.ts'

/** Syncs what a file descriptor names, without blocking; a test may put a slow or failing disk in its place. */
export type SyncFile = (fd: number, done: (error: Error | null) => void) => void

/** How the disk does its part. */
interface DiskState {
  /** a sync that fails, or no room; until it goes well again */
  trouble: Error | undefined
  /** how long, in ms, the sync under way takes already, or the slowest one took lately */
  syncMs: number
}

export interface WalSyncOptions {
  sync?: SyncFile | undefined
  /** The same here and now. @throws the system's error */
  syncNow?: ((fd: number) => void) | undefined
  /** Makes everything safe by another way, after a sync has failed: the kernel may say well the next time and lie. */
  recover: () => void
  /** told when a sync fails after one that did not */
  onTrouble: (error: Error) => void
  /** told that the WAL is not where it was any more: until `moveTo` nothing counts as safe */
  onGone?: () => void
}

/** How long, in ms, after a sync that failed the next try comes, if nothing is committed before. */
const retryMs = 1_000

interface Waiting {
  /** the commit that has to be on disk */
  commit: number
  call: () => void
  failed: ((error: Error) => void) | undefined
}

/**
 * Group commit. Commits go into the WAL without a sync; one `fdatasync` of it, in a thread of libuv, then covers all of
 * a turn, and while it is under way the next group forms by itself. Where nobody else would wait, and the disk is
 * fast, it is done at once (`hurry`). Whoever may speak only of what is on disk waits
 * here. The WAL has a descriptor of its own: SQLite's locks are on its other files only.
 */
export class WalSync {
  #fd: number | undefined
  readonly #sync: SyncFile
  readonly #syncNow: ((fd: number) => void) | undefined
  readonly #recover: () => void
  readonly #onTrouble: (error: Error) => void
  readonly #onGone: (() => void) | undefined
  /** What is committed goes to where nobody will find it. */
  #adrift = false
  #committed = 0
  #synced = 0
  readonly #pace = new SyncPace()
  #busy = false
  /** There was no room for what was last tried. */
  #full: Error | undefined
  #begunAt = 0
  readonly #slowest = new SlowestSync()
  #scheduled: NodeJS.Immediate | undefined
  #waiting: Waiting[] = []
  #failed: Error | undefined
  #retry: NodeJS.Timeout | undefined
  #closed = false

  /** @param path the WAL's; without one every commit counts as safe at once */
  constructor(path: string | undefined, options: WalSyncOptions) {
    this.#fd = path === undefined ? undefined : openSync(path, 'r')
    this.#sync = options.sync ?? fdatasync
    this.#syncNow = options.syncNow ?? (options.sync === undefined ? fdatasyncSync : undefined)
    this.#recover = options.recover
    this.#onTrouble = options.onTrouble
    this.#onGone = options.onGone
  }

  /** The last sync failed, and none has succeeded since. */
  get trouble(): Error | undefined {
    return this.#failed
  }

  /** Why nothing can be kept just now, if so, and how long syncs take. */
  get disk(): DiskState {
    const syncMs = Math.max(this.#busy ? performance.now() - this.#begunAt : 0, this.#slowest.ms)
    return { trouble: this.#failed ?? this.#full, syncMs }
  }

  /** A transaction came to nothing. */
  refused(error: unknown): void {
    if (error instanceof Error && isDiskFull(error)) this.#full = error
  }

  /**
   * Something was committed: it is to be synced soon.
   * @param commitMs what SQLite took for it: every now and then it folds the WAL into the file, and syncs both
   */
  committed(commitMs: number): void {
    this.#slowest.took(commitMs)
    this.#committed += 1
    this.#full = undefined
    if (this.#fd === undefined && !this.#adrift) this.#synced = this.#committed
    else this.#schedule()
  }

  /**
   * Calls back when all that is committed by now is on disk: at once if it is. Calls are made in their order.
   * @param failed called instead when the sync fails; without it the call waits for a later one that does not
   */
  whenSynced(call: () => void, failed?: (error: Error) => void): void {
    if (this.#synced >= this.#committed && this.#waiting.length === 0) safely(call)
    else this.#waiting.push({ commit: this.#committed, call, failed })
  }

  /** The file is not where it was: whatever is committed now is told only after `moveTo`. */
  drift(): void {
    this.#adrift = true
  }

  /** All that is committed is on disk in another file, and what follows goes into the WAL at `path`. */
  moveTo(path: string | undefined): void {
    const before = this.#fd
    this.#fd = path === undefined ? undefined : openSync(path, 'r')
    // One that is being synced is closed after that.
    if (before !== undefined && !this.#busy) closeSync(before)
    this.#adrift = false
    this.allSynced()
  }

  /** What waits for the disk is told that it fails; it is tried again. */
  fail(error: Error): void {
    this.#fail(error)
  }

  /** Brings all that is committed to disk by other means. @throws what `work` does */
  byOther(work: () => void): void {
    const begun = performance.now()
    work()
    this.#slowest.took(performance.now() - begun)
    this.allSynced()
  }

  /** All that is committed is on disk. */
  allSynced(): void {
    if (this.#adrift) return
    this.#failed = undefined
    this.#reached(this.#committed)
  }

  /** Begins at once to sync all there is: what was committed by others too. */
  begin(): void {
    if (this.#fd === undefined) return
    this.#committed += 1
    this.#begin()
  }

  /**
   * There is nothing else to do just now: what waits is synced here, without the ways to a thread and back, if that is
   * sure to be short and nobody is seen to wait meanwhile.
   */
  hurry(): void {
    const [fd, syncNow, now] = [this.#fd, this.#syncNow, performance.now()]
    if (fd === undefined || syncNow === undefined || !this.#mayBegin || this.#failed !== undefined) return
    if (!this.#pace.mayBeHere(now)) return
    this.#begunAt = now
    this.#ended(
      fd,
      this.#committed,
      errorOf(() => syncNow(fd)),
    )
    this.#pace.wasHere(performance.now())
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    clearImmediate(this.#scheduled)
    clearTimeout(this.#retry)
    // A sync under way goes on by the descriptor's number.
    if (this.#fd !== undefined && !this.#busy) closeSync(this.#fd)
  }

  #schedule(): void {
    if (this.#busy || this.#closed || this.#scheduled !== undefined) return
    this.#scheduled = setImmediate(() => {
      this.#scheduled = undefined
      this.#begin()
    })
  }

  get #mayBegin(): boolean {
    return !this.#busy && !this.#closed && !this.#adrift && this.#synced < this.#committed
  }

  #begin(): void {
    if (this.#fd === undefined || !this.#mayBegin) return
    if (this.#failed !== undefined) return this.#tryAgain()
    const [fd, upTo] = [this.#fd, this.#committed]
    this.#busy = true
    this.#begunAt = performance.now()
    this.#pace.inThread()
    this.#sync(fd, (error) => this.#ended(fd, upTo, error))
  }

  #ended(fd: number, upTo: number, error: Error | null): void {
    this.#busy = false
    const tookMs = performance.now() - this.#begunAt
    this.#slowest.took(tookMs)
    this.#pace.took(tookMs)
    if (this.#closed || fd !== this.#fd) closeSync(fd)
    if (this.#closed || this.#adrift) return
    if (fd === this.#fd) {
      if (error !== null) this.#fail(error)
      else if (this.#isGone()) return this.#drifts()
      else this.#reached(upTo)
    }
    // What came in meanwhile is the next group.
    if (this.#synced < this.#committed && this.#failed === undefined) this.#begin()
  }

  /** What is synced must be the journal's WAL still, and not what somebody has removed. */
  #isGone(): boolean {
    return this.#fd !== undefined && fstatSync(this.#fd).nlink === 0
  }

  #drifts(): void {
    this.drift()
    if (this.#onGone === undefined) this.#fail(goneError())
    else safely(this.#onGone)
  }

  #tryAgain(): void {
    const error = errorOf(() => {
      this.#recover()
      this.allSynced()
    })
    if (error !== null) this.#fail(error)
  }

  #fail(error: Error): void {
    if (this.#failed === undefined) this.#onTrouble(error)
    this.#failed = error
    clearTimeout(this.#retry)
    this.#retry = setTimeout(() => this.#begin(), retryMs)
    const waiting = this.#waiting
    this.#waiting = waiting.filter(({ failed }) => failed === undefined)
    for (const { failed } of waiting) if (failed !== undefined) safely(() => failed(error))
  }

  #reached(commit: number): void {
    if (commit > this.#synced) this.#synced = commit
    let count = 0
    while (count < this.#waiting.length && (this.#waiting[count]?.commit ?? 0) <= this.#synced) count++
    for (const { call } of this.#waiting.splice(0, count)) safely(call)
  }
}

function errorOf(work: () => void): Error | null {
  try {
    work()
    return null
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
  }
}

function goneError(): KsiError {
  return new KsiError('KSI_DB_NOT_WRITABLE', "The journal's WAL was removed while ksi runs: nothing more can be kept.")
}
