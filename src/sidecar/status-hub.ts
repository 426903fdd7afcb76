import type { StatusDocument } from '../contracts/status.ts'
import { collect, fingerprint } from './collector.ts'
import type { Readings } from './verdict.ts'

/** The whole document as it goes out on a stream. */
export interface Snapshot {
  id: number
  json: string
}

const broadcastGapMs = 100
const interestMs = 10_000

/** Knows who is looking, and tells them when the document has changed. */
export class StatusHub {
  readonly #readings: () => Readings
  readonly #onInterest: () => void
  readonly #listeners = new Set<(snapshot: Snapshot) => void>()
  #lastAskedMs = 0
  #latest: Snapshot = { id: 0, json: '' }
  #print = ''
  #timer: NodeJS.Timeout | undefined
  #stopped = false

  /** @param options.onInterest called when somebody begins to look, so that the sources do not keep them waiting */
  constructor(options: { readings: () => Readings; onInterest?: () => void }) {
    this.#readings = options.readings
    this.#onInterest = options.onInterest ?? (() => {})
  }

  /** True while a page is open or somebody asked within the last seconds. */
  get watched(): boolean {
    return this.#listeners.size > 0 || Date.now() - this.#lastAskedMs < interestMs
  }

  /** The document as of now, for somebody who asks. */
  ask(): StatusDocument {
    const before = this.watched
    this.#lastAskedMs = Date.now()
    if (!before) this.#onInterest()
    return collect(this.#readings(), Date.now())
  }

  /** A source has a new reading. */
  readingCame(): void {
    if (this.#stopped || this.#timer || this.#listeners.size === 0) return
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      if (this.#renew()) for (const listener of this.#listeners) listener(this.#latest)
    }, broadcastGapMs)
  }

  /** Calls `listener` with each changed document. @returns the present one and a function that ends it */
  subscribe(listener: (snapshot: Snapshot) => void): { first: Snapshot; end: () => void } {
    this.ask()
    this.#renew()
    this.#listeners.add(listener)
    return { first: this.#latest, end: () => this.#listeners.delete(listener) }
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
    this.#listeners.clear()
  }

  #renew(): boolean {
    const document = collect(this.#readings(), Date.now())
    const print = fingerprint(document)
    if (print === this.#print) return false
    this.#print = print
    this.#latest = { id: this.#latest.id + 1, json: JSON.stringify(document) }
    return true
  }
}
