/** Where the reply to a request goes: at once, or once what was asked before it is answered. */
export interface ReplyPlace {
  /** Answers it. Only the first answer counts. */
  reply(line: string): void
  /** Nobody is owed an answer. */
  drop(): void
}

interface Place {
  line: string | undefined
  isDone: boolean
}

/**
 * The replies of a connection in the order of its requests, as KSI gives them: a client may go by that alone. Requests
 * are run all the same, and one that says `_unordered` neither waits nor is waited for.
 */
export class ReplyOrder {
  readonly #send: (line: string) => void
  /** those that are not answered, and answers that wait for one of these */
  #places: Place[] = []
  #from = 0
  #held = 0

  constructor(send: (line: string) => void) {
    this.#send = send
  }

  /** Characters of answers that wait. */
  get held(): number {
    return this.#held
  }

  /** A request has come. */
  next(unordered: boolean): ReplyPlace {
    const place: Place = { line: undefined, isDone: false }
    if (!unordered) this.#places.push(place)
    return {
      reply: (line) => this.#answered(place, line, unordered),
      drop: () => this.#answered(place, undefined, unordered),
    }
  }

  /** A request has come, and is answered. */
  answer(line: string, unordered = false): void {
    this.next(unordered).reply(line)
  }

  #answered(place: Place, line: string | undefined, unordered: boolean): void {
    if (place.isDone) return
    place.isDone = true
    if (unordered) return line === undefined ? undefined : this.#send(line)
    place.line = line
    this.#held += line?.length ?? 0
    for (let first = this.#places[this.#from]; first?.isDone === true; first = this.#places[this.#from]) {
      this.#from += 1
      this.#held -= first.line?.length ?? 0
      if (first.line !== undefined) this.#send(first.line)
    }
    if (this.#from < 1_024 && this.#from < this.#places.length) return
    this.#places = this.#places.slice(this.#from)
    this.#from = 0
  }
}
