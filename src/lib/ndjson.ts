const newline = 0x0a

/**
 * Cuts a byte stream into lines of at most `maxBytes`. A longer line is never kept: `onTooLong` is called once for it
 * and its bytes are dropped up to the next newline, so memory stays bounded whatever a client sends.
 */
export class LineCutter {
  /** may be changed between two lines */
  maxBytes: number
  readonly #onLine: (line: Buffer) => void
  readonly #onTooLong: () => void
  #parts: Buffer[] = []
  #bytes = 0
  #skipping = false

  constructor(maxBytes: number, onLine: (line: Buffer) => void, onTooLong: () => void = () => {}) {
    this.maxBytes = maxBytes
    this.#onLine = onLine
    this.#onTooLong = onTooLong
  }

  /** Bytes of the unfinished line that is being kept. */
  get pendingBytes(): number {
    return this.#bytes
  }

  /** Forgets the unfinished line. */
  drop(): void {
    this.#parts = []
    this.#bytes = 0
  }

  /**
   * Takes bytes.
   * @param mayGoOn asked after each line
   * @returns what was not looked at because the answer was no: to be pushed again, before anything that comes later
   */
  push(chunk: Buffer, mayGoOn: () => boolean = () => true): Buffer | undefined {
    let from = 0
    while (from < chunk.length) {
      const end = chunk.indexOf(newline, from)
      if (end === -1) {
        this.#keep(chunk.subarray(from))
        return undefined
      }
      this.#keep(chunk.subarray(from, end))
      from = end + 1
      this.#finish()
      if (from < chunk.length && !mayGoOn()) return chunk.subarray(from)
    }
    return undefined
  }

  #keep(part: Buffer): void {
    if (this.#skipping || part.length === 0) return
    if (this.#bytes + part.length > this.maxBytes) {
      this.#skipping = true
      this.#parts = []
      this.#bytes = 0
      this.#onTooLong()
      return
    }
    this.#parts.push(part)
    this.#bytes += part.length
  }

  #finish(): void {
    if (this.#skipping) {
      this.#skipping = false
      return
    }
    const only = this.#parts.length === 1 ? this.#parts[0] : undefined
    const line = only ?? Buffer.concat(this.#parts)
    this.#parts = []
    this.#bytes = 0
    this.#onLine(line)
  }
}

/** The same, for lines of text whose sender is trusted to send what can be looked into. */
export class LineDecoder extends LineCutter {
  constructor(maxBytes: number, onLine: (line: string, bytes: number) => void, onTooLong?: () => void) {
    super(maxBytes, (line) => onLine(textOfLine(line), line.length), onTooLong)
  }
}

/** A line's text, without the carriage return some clients end it with. */
export function textOfLine(line: Buffer): string {
  const text = line.toString('utf8')
  return text.endsWith('\r') ? text.slice(0, -1) : text
}

/** Parses one line that must be a JSON object; `undefined` when it is anything else. */
export function parseObject(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

/** True for a JSON object: neither null nor an array. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
