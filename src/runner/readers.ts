import type { FromRunnerLine, NumberedChunk } from '../contracts/runner.ts'
import { messageOf } from '../lib/errors.ts'
import type { Log } from '../lib/log.ts'
import type { RunLog } from '../store/run-log/run-log.ts'

type Answer = Pick<Extract<FromRunnerLine, { type: 'chunks' }>, 'chunks' | 'next'>

interface Reader {
  readonly from: number
  readonly answer: (answer: Answer) => void
}

/** One answer carries about so many chunks at most. */
const atOnce = 2_000

/** Answers those who want a run's chunks: from the log what is there, and the rest as it comes. */
export class Readers {
  readonly #runLog: RunLog
  readonly #log: Log
  /** whether a run that is held has ended */
  readonly #hasEnded: (runId: string) => boolean
  /** those who have everything up to now, by run */
  readonly #waiting = new Map<string, Set<Reader>>()

  constructor(runLog: RunLog, options: { log: Log; hasEnded: (runId: string) => boolean }) {
    this.#runLog = runLog
    this.#log = options.log
    this.#hasEnded = options.hasEnded
  }

  /**
   * Answers once: as soon as there is a chunk from `from` on, or none will come.
   * @returns what takes the question back
   */
  read(runId: string, from: number, answer: (answer: Answer) => void): () => void {
    let wanted = true
    const reader: Reader = { from, answer: (given) => wanted && answer(given) }
    this.#serve(runId, reader)
    return () => {
      wanted = false
      this.#waiting.get(runId)?.delete(reader)
    }
  }

  /** Chunks of a run were written. */
  written(runId: string, chunks: readonly NumberedChunk[]): void {
    const waiting = this.#waiting.get(runId)
    if (waiting === undefined) return
    this.#waiting.delete(runId)
    for (const reader of waiting) {
      const fresh = chunks[0]?.offset === reader.from ? chunks : undefined
      if (fresh === undefined) this.#serve(runId, reader)
      else reader.answer({ chunks: [...fresh], next: 'more' })
    }
  }

  /** A run has ended, and all of it is written. */
  ended(runId: string): void {
    const waiting = this.#waiting.get(runId)
    this.#waiting.delete(runId)
    for (const reader of waiting ?? []) this.#serve(runId, reader)
  }

  #serve(runId: string, reader: Reader): void {
    const written = this.#runLog.written(runId)
    if (written === undefined) return reader.answer({ chunks: [], next: 'unknown' })
    if (reader.from < written) return void this.#fetch(runId, reader)
    if (this.#hasEnded(runId)) return reader.answer({ chunks: [], next: 'ended' })
    const waiting = this.#waiting.get(runId) ?? new Set()
    waiting.add(reader)
    this.#waiting.set(runId, waiting)
  }

  async #fetch(runId: string, reader: Reader): Promise<void> {
    const chunks: NumberedChunk[] = []
    try {
      for await (const piece of this.#runLog.read(runId, reader.from)) {
        chunks.push(...piece)
        if (chunks.length >= atOnce) break
      }
    } catch (error) {
      this.#log.error({ run_id: runId, error: messageOf(error) }, 'the output of a run could not be read')
    }
    reader.answer({ chunks, next: chunks.length > 0 ? 'more' : 'unknown' })
  }
}
