import { steadyNow } from '../../lib/time.ts'
import type { Chunk } from '../../contracts/chunk.ts'
import type { NumberedChunk, RunOutcome } from '../../contracts/runner.ts'
import type { Log } from '../../lib/log.ts'
import { Marks } from './marks.ts'
import { readChunks } from './read-chunks.ts'
import { chunkLine, recordLine } from './records.ts'
import type { BegunRun } from './records.ts'
import { Retention } from './retention.ts'
import type { RetentionLimits } from './retention.ts'
import { SegmentWriter } from './segments.ts'
import type { Place } from './segments.ts'
import { Tail } from './tail.ts'

export interface RunLogOptions {
  /** the log's own folder; made with the first record */
  dir: string
  log: Log
  /** Chunks of a run were written: they may be told. */
  onWritten: (runId: string, chunks: readonly NumberedChunk[]) => void
  segmentBytes?: number
  /** What is kept of finished runs; without it everything. Looked at once a minute. */
  limits?: RetentionLimits | undefined
}

/** A run whose outcome no generation has committed. */
interface OpenRun {
  readonly n: number
  readonly marks: Marks
  readonly tail: Tail
  /** chunks it has given, written or not */
  given: number
  /** chunks of this turn, not written yet, with the length of their lines */
  fresh: { numbered: NumberedChunk; size: number }[]
}

const defaultSegmentBytes = 64 * 1024 * 1024
/** What a chunk takes beside its text, in bytes. */
const chunkObjects = 250
const tidyEveryMs = 60_000
/** What may wait to be written while the disk takes no more, in characters. */
const waitingMost = 33_554_432
/** Memory for the tails of all runs together, and the most for one, in bytes. */
const tails = { all: 16_777_216, one: 65_536 }

/**
 * One append-only log for all output of one runner: the chunks of its runs, numbered in each, and their outcomes. What
 * is given in one turn is written together at its end, and told only then: whatever anybody has seen can be read again.
 */
export class RunLog {
  readonly #o: RunLogOptions
  readonly #writer: SegmentWriter
  readonly #retention = new Retention()
  readonly #runs = new Map<string, OpenRun>()
  /** runs with a record among the lines */
  readonly #touched = new Map<string, OpenRun>()
  #lines: string[] = []
  #length = 0
  /** why the last write failed */
  #trouble: unknown
  #scheduled = false
  #lastNumber = 0
  readonly #tidying: NodeJS.Timeout | undefined

  constructor(options: RunLogOptions) {
    this.#o = options
    this.#writer = new SegmentWriter(options.dir, options.segmentBytes ?? defaultSegmentBytes)
    const { limits } = options
    if (limits !== undefined) this.#tidying = setInterval(() => this.#tidyOrTryOn(limits), tidyEveryMs).unref()
  }

  /** A run begins. */
  begin(begun: BegunRun): void {
    const run: OpenRun = { n: ++this.#lastNumber, marks: new Marks(), tail: new Tail(), given: 0, fresh: [] }
    this.#runs.set(begun.run_id, run)
    this.#add(begun.run_id, run, recordLine({ b: run.n, ...begun }))
  }

  /**
   * A run has given a piece of its output.
   * @throws the system's own error when the disk takes no more and much is waiting for it
   */
  chunk(runId: string, chunk: Chunk): void {
    const run = this.#runs.get(runId)
    if (run === undefined) return
    if (this.#trouble !== undefined && this.#length > waitingMost) throw this.#trouble
    const numbered = { offset: run.given++, chunk }
    const line = chunkLine(run.n, numbered)
    run.fresh.push({ numbered, size: line.length + chunkObjects })
    this.#add(runId, run, line)
  }

  /** A run has ended. On its way to the disk when this returns. @throws as {@link flush} */
  end(runId: string, outcome: RunOutcome, at: number): void {
    const run = this.#runs.get(runId)
    if (run === undefined) return
    this.#add(runId, run, recordLine({ e: run.n, at, outcome }))
    this.flush()
  }

  /** A generation has this run's outcome in its journal: it is only kept for those who want to read it again. */
  committed(runId: string, at: number): void {
    const run = this.#runs.get(runId)
    if (run === undefined) return
    this.#runs.delete(runId)
    this.#retention.committed(run.n)
    this.#lines.push(recordLine({ x: run.n, at }))
    this.#schedule()
  }

  /** Chunks of this run that are written; undefined for a run that is not open. */
  written(runId: string): number | undefined {
    const run = this.#runs.get(runId)
    return run && run.given - run.fresh.length
  }

  /**
   * The written chunks of an open run from `offset` on, in pieces. What is written while it is read may come or not:
   * ask `written`.
   * @throws the system's own error when a segment cannot be read
   */
  async *read(runId: string, offset: number): AsyncGenerator<NumberedChunk[]> {
    const run = this.#runs.get(runId)
    if (run === undefined) return
    const recent = run.tail.from(offset)
    if (recent !== undefined) {
      yield recent
      return
    }
    const mark = run.marks.find(offset)
    if (mark === undefined) return
    for await (const piece of readChunks(this.#o.dir, run.n, mark)) {
      const wanted = piece.filter((chunk) => chunk.offset >= offset)
      if (wanted.length > 0) yield wanted
    }
  }

  /** Writes what was given in this turn, and tells it. @throws the system's own error when the disk takes no more */
  flush(): void {
    if (this.#lines.length === 0) return
    const bytes = Buffer.from(this.#lines.join(''))
    const place = this.#append(bytes)
    this.#lines = []
    this.#length = 0
    const touched = [...this.#touched]
    this.#touched.clear()
    for (const [runId, run] of touched) this.#tell(runId, run, place)
  }

  /** Removes segments nobody needs any more. */
  tidy(limits: RetentionLimits, now: number): void {
    for (const segment of this.#retention.due(this.#o.dir, limits, now)) this.#writer.remove(segment)
  }

  close(): void {
    clearInterval(this.#tidying)
    this.flush()
    this.#writer.close()
  }

  #append(bytes: Buffer): Place {
    try {
      const place = this.#writer.append(bytes)
      this.#trouble = undefined
      return place
    } catch (error) {
      this.#trouble = error
      throw error
    }
  }

  #add(runId: string, run: OpenRun, line: string): void {
    this.#lines.push(line)
    this.#length += line.length
    this.#touched.set(runId, run)
    this.#schedule()
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.#flushOrTryOn()
    })
  }

  #tidyOrTryOn(limits: RetentionLimits): void {
    try {
      this.tidy(limits, steadyNow())
    } catch (error) {
      this.#o.log.error({ err: error }, 'old output of runs could not be removed')
    }
  }

  #flushOrTryOn(): void {
    try {
      this.flush()
    } catch (error) {
      this.#o.log.error({ err: error }, 'output of runs could not be written; it is tried again')
      setTimeout(() => this.#schedule(), 1_000).unref()
    }
  }

  #tell(runId: string, run: OpenRun, place: Place): void {
    if (this.#runs.get(runId) === run) this.#retention.touched(place.segment, run.n)
    const fresh = run.fresh.splice(0)
    const first = fresh[0]
    if (first === undefined) return
    run.marks.note(first.numbered.offset, place)
    const most = Math.min(tails.one, tails.all / Math.max(1, this.#runs.size))
    for (const { numbered, size } of fresh) run.tail.add(numbered, size, most)
    this.#o.onWritten(
      runId,
      fresh.map(({ numbered }) => numbered),
    )
  }
}
