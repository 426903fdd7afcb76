import type { Writable } from 'node:stream'

/** From this many characters on a batch is written at once, so that joined strings stay small. */
const flushAt = 262_144

/**
 * Joins what is written within one turn of the event loop. Pipelined requests and replies are small and many: one
 * system call each would cost more than all else the front does. What comes in the first piece of a turn goes as soon
 * as that piece is done, since it may be all there is; the rest goes together at the turn's end.
 */
export class BatchedWriter {
  readonly #stream: Writable
  readonly #afterFlush: () => void
  #text = ''
  #scheduled = false

  constructor(stream: Writable, afterFlush: () => void = () => {}) {
    this.#stream = stream
    this.#afterFlush = afterFlush
  }

  /** Characters that the other side has not taken yet. */
  get pending(): number {
    return this.#text.length + this.#stream.writableLength
  }

  write(text: string): void {
    this.#text += text
    if (this.#text.length >= flushAt) return this.flush()
    if (this.#scheduled) return
    this.#scheduled = true
    queueMicrotask(() => this.flush())
    setImmediate(() => {
      this.#scheduled = false
      this.flush()
    })
  }

  /** Writes a line that begins with `head` and goes on with `bytes`, which are not copied. */
  writeBytes(head: string, bytes: Buffer): void {
    this.flush()
    if (!this.#stream.writable) return
    this.#stream.cork()
    this.#stream.write(head)
    this.#stream.write(bytes)
    this.#stream.write('\n')
    this.#stream.uncork()
    this.#afterFlush()
  }

  flush(): void {
    if (this.#text === '') return
    const text = this.#text
    this.#text = ''
    if (this.#stream.writable) this.#stream.write(text)
    this.#afterFlush()
  }
}
