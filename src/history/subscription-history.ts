import type { HistoryEvent } from './event.ts'

/** Counts what one subscription missed or was told twice. */
export class SubscriptionHistory {
  /** the seq up to which it was told */
  last: number
  missed = 0
  doubled = 0
  /** seqs of the events that ended requests; kept where not all events are asked for */
  readonly finalSeqs: number[] = []
  readonly #all: boolean

  /** @param since the seq it subscribed at; `all` when its patterns leave nothing out, so that seqs have no holes */
  constructor(since: number, all: boolean) {
    this.last = since
    this.#all = all
  }

  /** @returns false when the event was seen before */
  take({ event, seq }: HistoryEvent): boolean {
    // The front's own word at the end of all has no place in the journal.
    if (!Number.isInteger(seq)) return false
    if (seq <= this.last) {
      this.doubled += 1
      return false
    }
    if (this.#all) this.missed += seq - this.last - 1
    else this.finalSeqs.push(seq)
    if (event === 'monitor:gap') this.missed += 1
    this.last = seq
    return true
  }

  /** Whether it, which asked for outcomes only, was told just those. */
  toldOutcomes(finalSeqs: readonly number[]): boolean {
    return this.finalSeqs.length === finalSeqs.length && this.finalSeqs.every((seq, i) => seq === finalSeqs[i])
  }
}
