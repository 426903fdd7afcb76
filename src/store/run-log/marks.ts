import type { Place } from './segments.ts'

/** From this chunk on a run's chunks are found from this place on. */
export interface Mark extends Place {
  offset: number
}

/** A new mark is set after so many bytes of the log. */
const spacing = 262_144
/** So many marks a run has at most. */
const most = 64

/**
 * The index of one run: from where on its chunks are to be read. Close together at its end, where readers resume,
 * further and further apart towards its beginning, so that it stays small however long a run is.
 */
export class Marks {
  #marks: Mark[] = []

  /** Chunk `offset` lies at `place` or after it, and no earlier one does. */
  note(offset: number, place: Place): void {
    const last = this.#marks.at(-1)
    if (last !== undefined && last.segment === place.segment && place.byte - last.byte < spacing) return
    this.#marks.push({ offset, ...place })
    if (this.#marks.length <= most) return
    const half = most / 2
    this.#marks = [...this.#marks.slice(0, half).filter((_, i) => i % 2 === 0), ...this.#marks.slice(half)]
  }

  /** From where on to read, for all chunks from `offset` on; undefined when there is none. */
  find(offset: number): Mark | undefined {
    return this.#marks.findLast((mark) => mark.offset <= offset) ?? this.#marks[0]
  }

  /** The first segment with a chunk of it. */
  get firstSegment(): number | undefined {
    return this.#marks[0]?.segment
  }
}
