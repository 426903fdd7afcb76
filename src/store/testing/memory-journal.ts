import Database from 'better-sqlite3'
import type { PushData, PushName } from '../../contracts/events.ts'
import type { JournalEvent } from '../events.ts'
import { ForwardClock } from '../forward-clock.ts'
import type { TimeSource } from '../forward-clock.ts'
import { migrate } from '../migrate.ts'
import { Outbox } from '../outbox.ts'
import { disagreements } from '../soundness.ts'
import { Sql } from '../sql.ts'
import { Tables } from '../tables.ts'

/** The database of a simulation: in memory, and given back as it was after each world. */
export class MemoryDatabase {
  readonly db = new Database(':memory:')
  /** Its statements are prepared once for all worlds. */
  readonly sql = new Sql(this.db)

  constructor() {
    migrate(undefined, this.db)
    this.db.exec('SAVEPOINT world; SAVEPOINT synced')
  }

  /** What was committed so far outlives a power cut. */
  sync(): void {
    this.db.exec('RELEASE synced; SAVEPOINT synced')
  }

  /** What was not synced is gone. */
  cutPower(): void {
    this.db.exec('ROLLBACK TO synced')
  }

  /** As at the beginning. */
  reset(): void {
    this.db.exec('ROLLBACK TO world; SAVEPOINT synced')
  }

  disagreements(): string[] {
    return disagreements(this.db)
  }
}

/** The journal of one generation of a simulation: its tables are the real ones, its disk is the simulation's. */
export class MemoryJournal extends Tables {
  readonly epoch: number
  readonly clock: ForwardClock
  readonly hand: { left: () => string | undefined; take: (id: string) => void; clear: () => void }
  readonly losses = { addUnreadable: (): void => {} }
  /** Thrown at the end of the next outermost transaction, which comes to nothing. */
  failNext: Error | undefined
  readonly #outbox: Outbox
  readonly #runIn: (work: () => unknown) => unknown
  #depth = 0
  #after: (() => void)[] = []
  #due: number | undefined

  constructor(of: MemoryDatabase, note: { hand: string | undefined }, time: TimeSource) {
    const { sql } = of
    const tick = 'SELECT max(tick, coalesce((SELECT max(seq) FROM events), 0)) FROM lease'
    const outbox = new Outbox(sql, sql.value<number>(tick) ?? 0)
    super(sql, () => outbox.told)
    this.#outbox = outbox
    this.epoch = sql.value<number>('UPDATE lease SET epoch = epoch + 1 RETURNING epoch') ?? 0
    this.clock = new ForwardClock(sql, this.cursors, time)
    const left = note.hand
    note.hand = undefined
    this.hand = {
      left: () => left,
      take: (id) => void (note.hand = id),
      clear: () => void (note.hand = undefined),
    }
    const run = of.db.transaction((work: () => unknown): unknown => work())
    this.#runIn = (work) => run(work)
    this.tx(() => this.clock.begin())
  }

  tx<T>(work: () => T): T {
    const [mark, calls] = [this.#outbox.mark(), this.#after.length]
    this.#depth += 1
    let result: unknown
    try {
      result = this.#runIn(() => {
        const made = work()
        const failure = this.#depth === 1 ? this.failNext : undefined
        if (failure === undefined) return made
        this.failNext = undefined
        throw failure
      })
    } catch (error) {
      this.#outbox.backTo(mark)
      this.#after.length = calls
      throw error
    } finally {
      this.#depth -= 1
    }
    if (this.#depth === 0) this.#committed()
    return result as T
  }

  afterCommit(call: () => void): void {
    this.#after.push(call)
  }

  onEvents(listener: (events: JournalEvent[]) => void): void {
    this.#outbox.onEvents(listener)
  }

  emit<N extends PushName>(name: N, data: PushData<N>, requestId: string | null = null): number {
    return this.#outbox.emit(name, data, requestId)
  }

  /** The disk has it: it may be told. */
  tell(): void {
    if (this.#due !== undefined) this.#outbox.deliver(this.#due)
    this.#due = undefined
  }

  #committed(): void {
    const calls = this.#after
    this.#after = []
    this.#due = this.#outbox.committed() ?? this.#due
    for (const call of calls) call()
  }
}
