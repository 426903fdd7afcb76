import type { Knowledge } from '../knowledge.ts'

/** Characters of one request that wait to be sent at most: the reader is told that some are left out. */
const mostWaiting = 200_000

/** A piece of a request's output for one page. */
interface Piece {
  id: string
  /** a new try begins again from nothing */
  attempt: number
  text: string
}

/** The output of the requests that one page shows, as it comes. */
export class Outputs {
  readonly #knowledge: Knowledge
  readonly #following = new Map<string, AbortController>()
  readonly #waiting = new Map<string, Piece>()
  /** there is something to send */
  onText: () => void = () => {}

  constructor(knowledge: Knowledge) {
    this.#knowledge = knowledge
  }

  /** From now on those are followed, and no others. */
  only(ids: readonly string[]): void {
    for (const [id, ending] of this.#following) if (!ids.includes(id)) this.#end(id, ending)
    for (const id of ids) if (!this.#following.has(id)) void this.#follow(id)
  }

  /** What has come since the last call, of one of them. */
  next(): Piece | undefined {
    const [first] = this.#waiting
    if (first === undefined) return undefined
    this.#waiting.delete(first[0])
    return first[1]
  }

  close(): void {
    for (const [id, ending] of this.#following) this.#end(id, ending)
  }

  #end(id: string, ending: AbortController): void {
    ending.abort()
    this.#following.delete(id)
    this.#waiting.delete(id)
  }

  async #follow(id: string): Promise<void> {
    const ending = new AbortController()
    this.#following.set(id, ending)
    try {
      const pieces = this.#knowledge.output(id, { attempt: 1, from: 0, signal: ending.signal })
      for await (const { event, data } of pieces) {
        if (event === 'completion:delta' && data.kind === 'text')
          this.#add({ id, attempt: data.attempt, text: data.text })
      }
    } catch {
      // The daemon is away: the page says so, and when it is back this is asked for again.
    }
    if (this.#following.get(id) === ending) this.#following.delete(id)
  }

  #add(piece: Piece): void {
    const before = this.#waiting.get(piece.id)
    const isSame = before?.attempt === piece.attempt
    const text = (isSame ? before.text : '') + piece.text
    this.#waiting.set(piece.id, { ...piece, text: text.slice(-mostWaiting) })
    this.onText()
  }
}
