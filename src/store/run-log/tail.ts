import type { NumberedChunk } from '../../contracts/runner.ts'

/** The newest chunks of one run, in memory: what a reader that was away for a moment asks for. */
export class Tail {
  #chunks: { chunk: NumberedChunk; size: number }[] = []
  #size = 0

  /** @param size about how much memory it takes, in bytes  @param most bytes to keep */
  add(chunk: NumberedChunk, size: number, most: number): void {
    this.#chunks.push({ chunk, size })
    this.#size += size
    let drop = 0
    for (let over = this.#size - most; over > 0 && drop < this.#chunks.length; drop++)
      over -= this.#chunks[drop]?.size ?? 0
    // Cut rarely: to cut is to move all that stays.
    if (drop <= this.#chunks.length / 2) return
    for (const { size: gone } of this.#chunks.splice(0, drop)) this.#size -= gone
  }

  /** The chunks from `offset` on; undefined when it does not reach back so far. */
  from(offset: number): NumberedChunk[] | undefined {
    const first = this.#chunks[0]?.chunk.offset
    if (first === undefined || first > offset) return undefined
    return this.#chunks.slice(offset - first).map(({ chunk }) => chunk)
  }
}
