import { sleep } from '../lib/backoff.ts'
import type { Stage } from './stage.ts'

/** A generation as it answered. */
interface Answer {
  generation: number
  boot: string
  pid: number
}

const everyMs = 5

/** Asks over and over, each time on a new connection, who is there; and notes who answered when. */
export class Probe implements Disposable {
  readonly #stage: Stage
  readonly #signal: AbortSignal
  #over = false
  #now: Answer | undefined
  /** when the one before was last heard of, and the present one for the first time */
  #lastOfBefore = 0
  #firstOfNow = 0
  #last = 0

  private constructor(stage: Stage, signal: AbortSignal) {
    this.#stage = stage
    this.#signal = signal
  }

  /** Begins; there is to be somebody who answers. */
  static async start(stage: Stage, signal: AbortSignal): Promise<Probe> {
    const probe = new Probe(stage, signal)
    void probe.#ask()
    while (probe.#now === undefined) {
      await sleep(everyMs, signal)
      signal.throwIfAborted()
    }
    return probe
  }

  /** Who answered last. */
  get now(): Answer {
    return this.#now ?? { generation: 0, boot: '', pid: 0 }
  }

  /** @returns ms from `since`, or else from the last answer of the one before, to the first of the present one */
  took(since?: number): number {
    return Math.max(0, this.#firstOfNow - (since ?? this.#lastOfBefore))
  }

  [Symbol.dispose](): void {
    this.#over = true
  }

  async #ask(): Promise<void> {
    while (!this.#over && !this.#signal.aborted) {
      try {
        const { status, generation, boot_id, pid } = await this.#once()
        if (status === 'healthy')
          this.#note({ generation: Number(generation), boot: String(boot_id), pid: Number(pid) })
      } catch {
        // Nobody is there.
      }
      await sleep(everyMs, this.#signal)
    }
  }

  async #once(): Promise<Record<string, unknown>> {
    using client = await this.#stage.connect()
    const giveUp = (): void => client.close()
    this.#signal.addEventListener('abort', giveUp)
    try {
      return await client.request('system:health')
    } finally {
      this.#signal.removeEventListener('abort', giveUp)
    }
  }

  #note(answer: Answer): void {
    const at = performance.now()
    if (answer.boot !== this.#now?.boot) {
      this.#lastOfBefore = this.#last
      this.#firstOfNow = at
    }
    this.#now = answer
    this.#last = at
  }
}
