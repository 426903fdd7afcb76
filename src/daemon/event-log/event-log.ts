import type { JournalEvent } from '../../store/events.ts'
import { shortened } from '../monitor/shortened.ts'
import type { Core } from '../core.ts'
import { DailyFiles, localDay } from './daily-files.ts'
import { ToolUsage } from './tool-usage.ts'

/** How long, in ms, events may wait to be written together, and how long after a failure. */
const waitMs = { usually: 100, afterFailure: 5_000 } as const
/** Events written in one turn of the event loop, and those that may wait in memory: more are read from the journal. */
const events = { aTurn: 250, waiting: 5_000 } as const
const pageBytes = 262_144
/** The folder is looked through this often, in ms. */
const trimEveryMs = 60_000
const what = 'writing the event log'

/**
 * Follows the outbox into files that programs and people read: each day's events, and what completions have used. The
 * last line of a file says how far it has come, so that a crash or a hand-over leaves nothing out and writes nothing
 * twice. Nobody waits for it.
 */
export class EventLog {
  readonly #core: Core
  readonly #files: DailyFiles
  readonly #usage: ToolUsage
  /** The seq of the last event written; none before `begin`. */
  #at: number | undefined
  readonly #start: number
  #waiting: JournalEvent[] = []
  #timer: NodeJS.Timeout | undefined
  #trimmedAt = -Infinity
  #closed = false

  constructor(core: Core) {
    this.#core = core
    this.#files = new DailyFiles(core.settings.paths.events, core.settings.KSI_EVENT_LOG_BYTES)
    this.#usage = new ToolUsage(core)
    this.#start = core.events.lastSeq()
    core.journal.onEvents((events) => this.#follow(events))
  }

  /** Takes up where the files end. */
  begin(): void {
    this.#soon(0)
  }

  /** Lets go. What is not written yet, the next generation writes. */
  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
  }

  #follow(news: JournalEvent[]): void {
    if (this.#closed) return
    this.#waiting.push(...news)
    if (this.#waiting.length > events.waiting) this.#waiting = []
    if (this.#at !== undefined) this.#soon(waitMs.usually)
  }

  #soon(ms: number): void {
    if (this.#closed) return
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      this.#work()
    }, ms)
  }

  #work(): void {
    try {
      this.#at ??= this.#place()
      const isMore = this.#writeSome(this.#at)
      this.#core.troubles.well(what)
      if (isMore) this.#soon(0)
    } catch (error) {
      this.#failed(error)
    }
  }

  #failed(error: unknown): void {
    // What is not written the next generation writes.
    if (this.#closed) return
    const { log, troubles, settings } = this.#core
    log.error({ err: error }, 'the event log could not be written, trying again')
    troubles.failed(what, error, settings.paths.events)
    this.#soon(waitMs.afterFailure)
  }

  /** How far the files have come. A journal that began anew is behind them. */
  #place(): number {
    const written = this.#files.isOn ? this.#files.lastSeq() : undefined
    return Math.min(written ?? this.#usage.lastSeq() ?? this.#start, this.#start)
  }

  /** @returns whether there is more */
  #writeSome(at: number): boolean {
    const next = this.#next(at)
    if (next.length === 0) return false
    // In this order: what the daily file has come to, the other has too.
    this.#usage.write(next)
    for (const [day, those] of Map.groupBy(next, (event) => localDay(event.at))) this.#writeDay(day, those)
    this.#at = next.at(-1)?.seq
    this.#trim()
    return true
  }

  /** The events after this one: those that wait in memory, where they follow on it. */
  #next(at: number): JournalEvent[] {
    const first = this.#waiting.findIndex(({ seq }) => seq > at)
    const follows = first !== -1 && this.#waiting[first]?.seq === at + 1
    if (!follows) return this.#core.events.after(at, events.aTurn, pageBytes)
    const next = this.#waiting.slice(first, first + events.aTurn)
    this.#waiting = this.#waiting.slice(first + events.aTurn)
    return next
  }

  #writeDay(day: string, those: JournalEvent[]): void {
    if (!this.#files.isOn) return
    const text = those.map(toLine).join('')
    this.#files.append(day, text, those[0]?.seq ?? 0)
  }

  #trim(): void {
    if (!this.#files.isOn || performance.now() - this.#trimmedAt < trimEveryMs) return
    this.#trimmedAt = performance.now()
    this.#files.trim().catch((error: unknown) => this.#failed(error))
  }
}

function toLine({ seq, name, at, data }: JournalEvent): string {
  return `{"timestamp":${at / 1_000},"event_name":${JSON.stringify(name)},"data":${shortened(data)},"seq":${seq}}\n`
}
