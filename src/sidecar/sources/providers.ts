import { providerState } from '../../contracts/providers.ts'
import type { ProviderState } from '../../contracts/providers.ts'
import { z } from 'zod'
import { messageOf } from '../../lib/errors.ts'
import { NewestReading } from '../reading.ts'
import type { Reading } from '../reading.ts'

/** While somebody looks it is asked again after this time, in ms. */
const freshMs = 1_000
const answer = z.object({ providers: z.array(providerState()) })

/** How the providers stand, by the daemon's word: asked for only while somebody wants to know. */
export class ProviderSource {
  readonly #ask: () => Promise<unknown>
  readonly #newest: NewestReading<ProviderState[]>
  #askedMs = -Infinity

  /** @param options.onReading there is something new to show */
  constructor(options: { ask: () => Promise<unknown>; onReading: () => void }) {
    this.#ask = options.ask
    this.#newest = new NewestReading({ onReading: options.onReading })
  }

  /** The newest word; a newer one is asked for. */
  reading(): Reading<ProviderState[]> {
    if (performance.now() - this.#askedMs > freshMs) {
      this.#askedMs = performance.now()
      void this.#refresh()
    }
    return this.#newest.reading
  }

  async #refresh(): Promise<void> {
    try {
      this.#newest.good(answer.parse(await this.#ask()).providers)
    } catch (error) {
      this.#newest.bad('failed', messageOf(error))
    }
  }
}
