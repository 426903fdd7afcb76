import type { Chunk } from '../contracts/chunk.ts'
import type { Redactor } from '../lib/keys.ts'

type Spoken = Extract<Chunk, { kind: 'text' | 'reasoning' }>

/**
 * Takes the keys out of one run's chunks, also a key that comes in pieces: the end of a text that may be the beginning
 * of a key is held back until what follows shows whether it is one.
 */
export class ChunkRedactor {
  readonly #redact: Redactor
  readonly #pass: (chunk: Chunk) => void
  #held: Spoken | undefined

  constructor(redact: Redactor, pass: (chunk: Chunk) => void) {
    this.#redact = redact
    this.#pass = pass
  }

  take(chunk: Chunk): void {
    if (chunk.kind !== 'text' && chunk.kind !== 'reasoning') {
      this.end()
      return this.#pass(this.#redact.json(chunk))
    }
    if (this.#held?.kind !== chunk.kind) this.end()
    const text = this.#redact.text((this.#held?.text ?? '') + chunk.text)
    const begun = this.#redact.begun(text)
    const [sure, open] = [text.slice(0, text.length - begun), text.slice(text.length - begun)]
    this.#held = open === '' ? undefined : { ...chunk, text: open }
    // A chunk is passed on for each that comes, unless all of it is held.
    if (sure !== '' || open === '') this.#pass({ ...chunk, text: sure })
  }

  /** No more comes: what was held is no key. */
  end(): void {
    const held = this.#held
    this.#held = undefined
    if (held !== undefined) this.#pass(held)
  }
}
