import { LineCutter } from '../../lib/ndjson.ts'

/** Lines of one client that are looked at in a row. */
const linesInARow = 8

/** What is done with what comes. */
export interface IntakeUse {
  /** Whether anything is taken at all; asked anew for each line, as one of them may be the reason to end. */
  isOpen(): boolean
  /** Whether no more lines are taken for now. */
  isFull(): boolean
  onLine(line: Buffer): void
  onTooLong(): void
  /** So many more (or fewer) bytes of a line without an end are kept. */
  onUnfinished(bytes: number): void
  /** Whatever it was: it is this client's, and must not be everybody's. */
  onError(error: unknown): void
}

/** What a client sends: cut into lines, some at a time, and kept until it is their turn. */
export class Intake {
  readonly #use: IntakeUse
  readonly #cutter: LineCutter
  /** what came and was not looked at yet; nothing more is read meanwhile */
  #unread: Buffer | undefined
  #unfinished = 0

  constructor(use: IntakeUse) {
    this.#use = use
    this.#cutter = new LineCutter(
      0,
      (line) => use.isOpen() && use.onLine(line),
      () => use.isOpen() && use.onTooLong(),
    )
  }

  /** Bytes lines may have, from the next one on. */
  set maxLineBytes(bytes: number) {
    this.#cutter.maxBytes = bytes
  }

  /** Whether there is something that was not looked at. */
  get isWaiting(): boolean {
    return this.#unread !== undefined
  }

  /** Takes what has come, to be looked at in its turn. */
  take(chunk: Buffer): void {
    this.#unread = this.#unread === undefined ? chunk : Buffer.concat([this.#unread, chunk])
  }

  /** Looks at some of the lines that came. @returns whether there are more that may be looked at */
  read(): boolean {
    const chunk = this.#unread
    this.#unread = undefined
    if (chunk === undefined || !this.#use.isOpen()) return false
    let left = linesInARow
    this.#unread = this.#cut(chunk, () => --left > 0 && !this.#use.isFull())
    return this.#unread !== undefined && !this.#use.isFull()
  }

  /** `printf '{…}' | nc -U …` sends no last newline. Half an object cannot be taken for a whole one. */
  endLine(): void {
    if (this.#cutter.pendingBytes > 0) this.#cut(Buffer.from('\n'), () => true)
  }

  /** Nothing is kept any more. */
  drop(): void {
    const bytes = this.#unfinished
    this.#unfinished = 0
    this.#cutter.drop()
    if (bytes > 0) this.#use.onUnfinished(-bytes)
  }

  #cut(chunk: Buffer, mayGoOn: () => boolean): Buffer | undefined {
    let rest: Buffer | undefined
    try {
      rest = this.#cutter.push(chunk, mayGoOn)
    } catch (error) {
      this.#use.onError(error)
    }
    const more = this.#cutter.pendingBytes - this.#unfinished
    this.#unfinished += more
    if (more !== 0) this.#use.onUnfinished(more)
    return rest
  }
}
