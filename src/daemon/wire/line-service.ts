import { dataReply } from '../../contracts/wire.ts'
import { KsiError } from '../../lib/errors.ts'
import type { Core } from '../core.ts'
import { handleEvent, toErrorData } from './handle-event.ts'
import type { IncomingEvent } from './handle-event.ts'
import { ReplyQueue } from './reply-queue.ts'
import { Turns } from './turns.ts'

/**
 * What is run in one turn of the event loop, and in one transaction. The first lines are run whatever they take: ten
 * thousand small ones a second cost a few hundred commits. After them the rest waits once a turn has taken too long.
 */
const turn = { ms: 4, lines: 512, atLeast: 64, bytes: 2_097_152, replyCharacters: 1_048_576 } as const
/** A longer reply is an error instead: the front keeps no line of more than twice that. */
const maxReplyCharacters = 67_108_864

/** A request line, ready to be run. */
export interface ServedLine extends IncomingEvent {
  connection: number
  relay: number
  /** `correlation_id` as it was written */
  correlation: string
  bytes: number
}

/** Where replies go. */
export interface Answers {
  /** Whether there is room for more; if not, no line is run until `resume`. */
  hasRoom(): boolean
  reply(line: ServedLine, json: string): void
  /** The line was run; its reply comes when something else has happened. */
  running(line: ServedLine): void
}

interface Waiting {
  line: ServedLine
  /** there when it was run before, and had to wait for them */
  results?: unknown[]
}

interface Done {
  line: ServedLine
  /** none yet where the results come later */
  json: string | undefined
}

/**
 * Runs request lines in small turns, one connection after the other, and only while somebody takes the replies: what a
 * client does not read is not made.
 */
export class LineService {
  readonly #core: Core
  readonly #answers: Answers
  readonly #replies: ReplyQueue
  readonly #turns = new Turns<Waiting | (() => void)>()
  #scheduled = false
  #stopped = false

  constructor(core: Core, answers: Answers) {
    this.#core = core
    this.#answers = answers
    this.#replies = new ReplyQueue(core.journal, () => this.#soon())
  }

  /** Takes a line; `resume` runs it. */
  add(line: ServedLine): void {
    this.#turns.add(line.connection, { line })
  }

  /** Calls `then` after everything the connection has sent so far. */
  after(connection: number, then: () => void): void {
    this.#turns.pause(connection, false)
    this.#turns.add(connection, then)
  }

  /** While paused nothing of this connection is run: it does not take its replies. */
  pause(connection: number, paused: boolean): void {
    this.#turns.pause(connection, paused)
  }

  stop(): void {
    this.#stopped = true
  }

  /** Runs a turn now, and what is left after it in turns of its own. */
  resume(): void {
    if (this.#stopped || this.#turns.isEmpty || !this.#answers.hasRoom() || !this.#replies.hasRoom) return
    this.#runTurn()
    this.#soon()
  }

  #soon(): void {
    if (this.#scheduled || this.#turns.isEmpty) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.resume()
    })
  }

  #runTurn(): void {
    const done: Done[] = []
    const left: (() => void)[] = []
    const { journal } = this.#core
    const before = journal.changes()
    try {
      journal.tx(() => this.#run(done, left))
    } catch (error) {
      // The transaction failed (no room, fenced): nothing of the turn was kept, so nothing of it may be acknowledged.
      if (done.length === 0) this.#take(done, left)
      for (const one of done) one.json = this.#errorJson(one.line, error)
    }
    const wrote = journal.changes() !== before
    for (const { line, json } of done) if (json !== undefined) this.#reply(line, json, wrote)
    for (const call of left) call()
    if (this.#turns.isEmpty) journal.hurry()
  }

  /** What tells of a change is said once that is on disk, or else is an error. */
  #reply(line: ServedLine, json: string, wrote: boolean): void {
    const reply = {
      connection: line.connection,
      length: json.length,
      send: () => this.#answers.reply(line, json),
      fail: (error: Error) => this.#answers.reply(line, this.#errorJson(line, error)),
    }
    this.#replies.add(reply, wrote)
  }

  /** Runs lines until the turn is over. */
  #run(done: Done[], left: (() => void)[]): void {
    const begun = performance.now()
    let bytes = 0
    let characters = 0
    while (done.length < turn.lines && bytes <= turn.bytes && characters <= turn.replyCharacters) {
      if (done.length >= turn.atLeast && performance.now() - begun > turn.ms) return
      const next = this.#next(left)
      if (next === undefined) return
      const one: Done = { line: next.line, json: undefined }
      done.push(one)
      const results = next.results ?? handleEvent(this.#core, next.line)
      if (results instanceof Promise) this.#wait(next.line, results)
      else one.json = this.#toJson(next.line, results)
      characters += one.json?.length ?? 0
      bytes += next.line.bytes
    }
  }

  /** Takes lines that no transaction could be begun for. */
  #take(done: Done[], left: (() => void)[]): void {
    for (let next = this.#next(left); next !== undefined; next = this.#next(left)) {
      done.push({ line: next.line, json: undefined })
      if (done.length === turn.lines) return
    }
  }

  #next(left: (() => void)[]): Waiting | undefined {
    for (;;) {
      const next = this.#turns.next()
      if (typeof next !== 'function') return next
      left.push(next)
    }
  }

  #wait(line: ServedLine, results: Promise<unknown[]>): void {
    this.#answers.running(line)
    // The front never hears of it twice: a handler that fails is an error in its results.
    void results.then((late) => {
      this.#turns.add(line.connection, { line, results: late })
      this.#soon()
    })
  }

  #toJson(line: ServedLine, results: unknown[]): string {
    try {
      const json = dataReply(results, line)
      if (json.length <= maxReplyCharacters) return json
      throw new KsiError(
        'KSI_INTERNAL',
        `The reply has ${json.length} characters, which is more than is sent. Ask for less.`,
      )
    } catch (error) {
      return this.#errorJson(line, error)
    }
  }

  #errorJson(line: ServedLine, error: unknown): string {
    return dataReply([toErrorData(this.#core, line.event, error)], line)
  }
}
