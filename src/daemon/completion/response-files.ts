import { open } from 'node:fs/promises'
import type { JournalEvent } from '../../store/events.ts'
import { isDiskFull } from '../../store/open.ts'
import type { RequestRow } from '../../store/rows.ts'
import { messageOf, systemCodeOf } from '../../lib/errors.ts'
import { machineBoot } from '../../lib/machine.ts'
import type { Core } from '../core.ts'
import { ResponseFile, responseFilePath } from './response-file.ts'
import { promptLine } from './response-lines.ts'

const retryMs = 5_000
/** The files are synced this often at most, in ms, and never more than a quarter of the time. */
const syncEveryMs = 1_000
/** Requests looked at at a time while catching up, and for how long, in ms, before others get their turn. */
const page = 500
const sliceMs = 100
/** Up to here every line is in its file, safe against a power cut. */
const synced = 'responses'
/** Up to here it was when a generation let go; true as long as this machine runs. */
const written = 'responses:written'

const syncing = 'syncing the response files'
const writing = 'writing a response file'

type Write = (file: ResponseFile, lines: string[]) => void

/**
 * `var/logs/responses/{session_id}.jsonl`: the prompt's line, then the response's, each once. They follow the outbox by
 * a cursor that moves only past what is synced into the files; what lies behind it is looked for after a crash, and
 * written if it is not there. Pushes never wait for a file that cannot be written.
 */
export class ResponseFiles {
  readonly #core: Core
  /** The tick of the newest outcome whose lines are written, those of waiting sessions apart; none before `begin`. */
  #at: number | undefined
  /** Sessions whose file could not be written, each with the first outcome that waits. */
  readonly #waiting = new Map<string, RequestRow>()
  /** There is more to catch up than one turn has time for: what is told meanwhile is found on the way. */
  #behind: NodeJS.Immediate | undefined
  /** What was looked at while catching up. */
  readonly #looked = new Map<string, ResponseFile>()
  /** Files written since the last sync. */
  #touched = new Set<string>()
  #retry: NodeJS.Timeout | undefined
  #syncing: NodeJS.Timeout | undefined
  #closed = false

  constructor(core: Core) {
    this.#core = core
  }

  /** Takes up where the generation before has stopped: whatever a crash left out is written. Again, it does nothing. */
  begin(): void {
    if (this.#at !== undefined) return
    const { cursors } = this.#core.journal
    const last = cursors.get(synced).seq
    const handedOver = cursors.get(written)
    const trusted = handedOver.note !== null && handedOver.note === machineBoot() && handedOver.seq > last
    if (trusted) this.#touchBetween(last, handedOver.seq)
    this.#at = trusted ? handedOver.seq : last
    this.#catchUp()
  }

  /** Appends the lines of the requests these events tell of as completed. */
  follow(events: JournalEvent[]): void {
    if (this.#behind !== undefined) return
    for (const { seq, name, data } of events) {
      if (name !== 'completion:result' || this.#at === undefined || seq <= this.#at) continue
      const row = this.#core.requests.get(String(data.request_id))
      if (row !== undefined && row.session_id !== null) this.#take(row, (file, lines) => file.append(lines))
      this.#at = seq
    }
  }

  /** Lets go: what is written is noted for the next generation, which needs not look then. */
  close(): void {
    this.#closed = true
    clearTimeout(this.#retry)
    clearTimeout(this.#syncing)
    clearImmediate(this.#behind)
    const boot = machineBoot()
    if (this.#at === undefined || boot === undefined) return
    const upTo = this.#floor()
    this.#quietly(() => this.#core.journal.cursors.set(written, upTo, boot))
  }

  /** Writes the lines that the files lack, up to what may be told. */
  #catchUp(): void {
    this.#behind = undefined
    const until = performance.now() + sliceMs
    const end = this.#core.events.lastSeq()
    for (;;) {
      const rows = this.#core.requests.completedAfter(this.#at ?? 0, page)
      for (const row of rows) {
        // What is not told yet follows with its event.
        if ((row.finished_tick ?? 0) > end) return this.#looked.clear()
        this.#take(row, (file, lines) => file.appendMissing(lines), this.#looked)
        this.#at = row.finished_tick ?? 0
      }
      if (rows.length < page) return this.#looked.clear()
      if (performance.now() < until) continue
      this.#behind = setImmediate(() => this.#catchUp())
      return
    }
  }

  #take(row: RequestRow, write: Write, files?: Map<string, ResponseFile>): void {
    const session = row.session_id ?? ''
    // An earlier one waits for its file, and may have left a torn line there: this one takes its turn behind it.
    if (this.#waiting.has(session)) return
    try {
      this.#write(row, write, files)
    } catch (error) {
      if (this.#waiting.size === 0) this.#complain(row, error)
      this.#waiting.set(session, row)
      this.#tryAgainLater()
    }
  }

  #write(row: RequestRow, write: Write, files?: Map<string, ResponseFile>): void {
    const path = responseFilePath(this.#core.settings.paths.responses, row.session_id ?? '')
    const file = files?.get(path) ?? new ResponseFile(path)
    files?.set(path, file)
    const lines = this.#linesOf(row)
    write(file, lines)
    this.#core.quotas.wrote(lines.reduce((sum, { length }) => sum + length + 1, 0))
    this.#touch(path)
  }

  #complain({ request_id, session_id }: RequestRow, err: unknown): void {
    const what = isDiskFull(err) ? 'no room left for the response file' : 'the response file cannot be written'
    this.#core.log.error({ request_id, err }, `${what}, trying again: ${messageOf(err)}`)
    this.#core.troubles.failed(writing, err, responseFilePath(this.#core.settings.paths.responses, session_id ?? ''))
  }

  #tryAgainLater(): void {
    this.#retry ??= setTimeout(() => {
      this.#retry = undefined
      this.#tryAgain()
    }, retryMs)
  }

  /** Tries each of the first lines that wait, until one can be written: then all from there on are looked at again. */
  #tryAgain(): void {
    for (const row of this.#waiting.values()) {
      try {
        this.#write(row, (file, lines) => file.appendMissing(lines))
        this.#at = this.#floor()
        this.#waiting.clear()
        this.#core.troubles.well(writing)
        clearImmediate(this.#behind)
        return this.#catchUp()
      } catch (error) {
        this.#complain(row, error)
        // One is enough to know that there is no room for any.
        if (isDiskFull(error)) break
      }
    }
    this.#tryAgainLater()
  }

  /** Up to this tick every line is written. */
  #floor(): number {
    return this.#waiting.values().reduce((least, row) => Math.min(least, (row.finished_tick ?? 0) - 1), this.#at ?? 0)
  }

  #touch(path: string): void {
    this.#touched.add(path)
    this.#syncSoon(syncEveryMs)
  }

  /** What the generation before wrote and had not synced. */
  #touchBetween(from: number, to: number): void {
    const { responses } = this.#core.settings.paths
    for (const row of this.#core.requests.completedAfter(from, page * 20))
      if ((row.finished_tick ?? 0) <= to) this.#touch(responseFilePath(responses, row.session_id ?? ''))
  }

  #syncSoon(ms: number): void {
    this.#syncing ??= setTimeout(() => {
      void this.#sync()
    }, ms)
  }

  /** Syncs what was written, then moves the cursor past it. */
  async #sync(): Promise<void> {
    const begun = performance.now()
    const [upTo, touched] = [this.#floor(), this.#touched]
    this.#touched = new Set()
    try {
      if (this.#core.settings.KSI_DURABILITY === 'disk') for (const path of touched) await syncFile(path)
      this.#core.troubles.well(syncing)
      if (!this.#closed) this.#quietly(() => this.#core.journal.cursors.set(synced, upTo))
    } catch (error) {
      this.#core.log.error({ err: error }, 'response files could not be synced, trying again')
      this.#core.troubles.failed(syncing, error, this.#core.settings.paths.responses)
      for (const path of touched) this.#touched.add(path)
    }
    this.#syncing = undefined
    if (this.#touched.size > 0 && !this.#closed) this.#syncSoon(Math.max(syncEveryMs, (performance.now() - begun) * 3))
  }

  /** A cursor that stays behind costs a look into the files at the next boot, and nothing else. */
  #quietly(work: () => void): void {
    try {
      this.#core.journal.tx(work)
    } catch (error) {
      this.#core.log.error({ err: error }, 'the place of the response files could not be noted')
    }
  }

  #linesOf(row: RequestRow): string[] {
    const prompt = promptLine(row, this.#core.requests.payload(row.request_id))
    return [JSON.stringify(prompt), JSON.stringify(this.#core.requests.outcome(row.request_id)?.result ?? {})]
  }
}

/** @throws the system's error; a file that is gone has nothing to sync */
async function syncFile(path: string): Promise<void> {
  try {
    const file = await open(path, 'r')
    try {
      await file.datasync()
    } finally {
      await file.close()
    }
  } catch (error) {
    if (systemCodeOf(error) !== 'ENOENT') throw error
  }
}
