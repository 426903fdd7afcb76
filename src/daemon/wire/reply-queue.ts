import type { Journal } from '../../store/journal.ts'

/** Characters of replies that may wait for the disk. */
const enough = 16_777_216

/** A reply that is made, and what is said instead when what it tells did not reach the disk. */
export interface Reply {
  connection: number
  /** characters */
  length: number
  send(): void
  fail(error: Error): void
}

/**
 * Replies that wait until what they tell is on disk. Of a connection that waits nothing overtakes what came before;
 * nobody else is held up.
 */
export class ReplyQueue {
  readonly #journal: Journal
  readonly #onRoom: () => void
  /** replies that wait, by connection */
  readonly #waiting = new Map<number, number>()
  #length = 0

  /** @param onRoom called when there is room again */
  constructor(journal: Journal, onRoom: () => void) {
    this.#journal = journal
    this.#onRoom = onRoom
  }

  get hasRoom(): boolean {
    return this.#length < enough
  }

  /** @param wrote whether the journal was changed in the turn that made the reply */
  add(reply: Reply, wrote: boolean): void {
    const { connection, length } = reply
    const before = this.#waiting.get(connection) ?? 0
    if (!wrote && before === 0) return reply.send()
    this.#waiting.set(connection, before + 1)
    this.#length += length
    this.#journal.whenSynced(
      () => this.#end(reply, () => reply.send()),
      (error) => this.#end(reply, () => reply.fail(error)),
    )
  }

  #end({ connection, length }: Reply, answer: () => void): void {
    const left = (this.#waiting.get(connection) ?? 1) - 1
    if (left === 0) this.#waiting.delete(connection)
    else this.#waiting.set(connection, left)
    const hadRoom = this.hasRoom
    this.#length -= length
    answer()
    if (!hadRoom && this.hasRoom) this.#onRoom()
  }
}
