import type { StatusDocument } from '../contracts/status.ts'
import { collect, fingerprint } from './collector.ts'
import type { Readings } from './readings.ts'

/** The whole document as it goes out on a stream. */
export interface Snapshot {
  /** goes up with each change */
  version: number
  document: StatusDocument
  json: string
}

const broadcastGapMs = 100
const interestMs = 10_000

/** Knows who is looking, and tells them when the document has changed. */
export class StatusHub {
  readonly #readings: () => Readings
  readonly #onInterest: () => void
  readonly #listeners = new Set<(snapshot: Snapshot) => void>()
  #lastAskedMs = -Infinity
  #latest: Snapshot | undefined
  #print = ''
  #touched = false
  #stale = true
  #timer: NodeJS.Timeout | undefined
  #stopped = false

  /** @param options.onInterest called when somebody begins to look, so that the sources do not keep them waiting */
  constructor(options: { readings: () => Readings; onInterest?: () => void }) {
    this.#readings = options.readings
    this.#onInterest = options.onInterest ?? (() => {})
  }

  /** True while a page is open or somebody asked within the last seconds. */
  get watched(): boolean {
    return this.#listeners.size > 0 || performance.now() - this.#lastAskedMs < interestMs
  }

  /** The document as of now, for somebody who asks. */
  ask(): StatusDocument {
    const before = this.watched
    this.#lastAskedMs = performance.now()
    if (!before) this.#onInterest()
    return collect(this.#readings(), Date.now())
  }

  /** A source has a new reading. */
  readingCame(): void {
    this.#stale = true
    if (this.#stopped || this.#timer || this.#listeners.size === 0) return
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      const before = this.#latest?.version
      const latest = this.#renewed()
      if (latest.version !== before || this.#touched) for (const listener of this.#listeners) listener(latest)
      this.#touched = false
    }, broadcastGapMs)
  }

  /** Something has changed that is shown, and is no part of the document. */
  touch(): void {
    this.#touched = true
    this.readingCame()
  }

  /** The present document, as it goes out to everybody. */
  latest(): Snapshot {
    return this.#renewed()
  }

  /** Calls `listener` with each changed document. @returns the present one and a function that ends it */
  subscribe(listener: (snapshot: Snapshot) => void): { first: Snapshot; end: () => void } {
    this.ask()
    this.#listeners.add(listener)
    return { first: this.#renewed(), end: () => this.#listeners.delete(listener) }
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
    this.#listeners.clear()
  }

  #renewed(): Snapshot {
    if (this.#latest !== undefined && !this.#stale) return this.#latest
    this.#stale = false
    const document = collect(this.#readings(), Date.now())
    const print = fingerprint(document)
    if (this.#latest !== undefined && print === this.#print) return this.#latest
    this.#print = print
    this.#latest = { version: (this.#latest?.version ?? 0) + 1, document, json: JSON.stringify(document) }
    return this.#latest
  }
}
