import type { ClientConnection } from './client-connection.ts'
import type { Line } from './lines.ts'

/**
 * Why a generation is no longer attached: it let go · it died, or was killed because it hung · the same, but its code
 * is to blame, as it had just changed or could not let go · it was killed from outside.
 */
export type DetachCause = 'handover' | 'death' | 'probation' | 'outside'

/** What may have ended a generation: a line without a reply, or the subscription of a connection. */
export type Suspect = Line | ClientConnection

/** A suspect that ended so many generations by itself is poison. */
const deadly = 2
/** Generations that die within so many ms of one another with nothing in hand do so of something. */
const rowMs = 10_000

/**
 * After a generation has died, what it was working on goes to the next one in small groups, each when the one before
 * has done no harm; a group that ends that one too goes to the next one by one. So a hundred lines take some ten turns
 * on their way when nothing dies, and what is guilty is known after three deaths more. Only what a generation had alone
 * is ever counted against it; all else merely stood beside it.
 */
export class Retrial {
  #waiting: Suspect[][] = []
  /** what the generation has in hand and has not answered, of a group of so many */
  #current = new Set<Suspect>()
  #groupSize = 0
  /** what a generation that has ended had in hand, until it is known why that ended */
  #ended: { inHand: Suspect[]; quiet: Suspect[] } | undefined
  /** the generation may still be busy with what was given up */
  #blurred = false
  #lastQuietDeath = -Infinity

  /** While true nothing may be relayed but what `next` gives. */
  get isOn(): boolean {
    return this.#current.size > 0 || this.#waiting.length > 0
  }

  /** A generation has ended, and nobody has said yet why. */
  get isUndecided(): boolean {
    return this.#ended !== undefined
  }

  /** Whether the next one has ended a generation before: if it does so again it is put aside. */
  get isGrave(): boolean {
    return this.#waiting[0]?.some(({ deaths }) => deaths > 0) ?? false
  }

  get isIdle(): boolean {
    return this.#current.size === 0
  }

  /** Whether a subscription, or line, is still to be tried. */
  isPending(suspect: Suspect): boolean {
    return this.#current.has(suspect) || this.#waiting.some((group) => group.includes(suspect))
  }

  /**
   * A generation has ended.
   * @param inHand what it was given and had not answered, in order
   * @param quiet what it had done, and what may have ended it all the same later on
   */
  ended(inHand: Suspect[], quiet: Suspect[]): void {
    this.#ended = { inHand, quiet }
  }

  /**
   * Says why it ended.
   * @returns the suspect that is now known to be poison
   */
  judge(cause: DetachCause): Suspect | undefined {
    const ended = this.#ended
    this.#ended = undefined
    const tried = [...this.#current]
    // A subscription that was asked for when the generation took over may be to blame for what is on trial.
    const inHand = [...new Set([...tried, ...(ended?.inHand ?? [])])]
    const isAlone = !this.#blurred && inHand.length === 1 && (tried.length === 0 || this.#groupSize === 1)
    const wasOn = this.isOn
    this.#current.clear()
    this.#blurred = false
    if (ended === undefined) return undefined
    if (cause !== 'death') {
      if (tried.length > 0) this.#waiting.unshift(tried)
      return undefined
    }
    const [suspect] = inHand
    const isPoison = isAlone && suspect !== undefined && ++suspect.deaths >= deadly
    if (isPoison) return suspect
    const suspects = inHand.length > 0 || wasOn ? inHand : this.#suspectsOf(ended)
    this.#waiting.unshift(...(tried.length > 0 ? suspects.map((one) => [one]) : inGroups(suspects)))
    return undefined
  }

  /** The generation let go in peace: nobody is suspected for that. What still waited for its trial goes on waiting. */
  handedOver(): void {
    this.#ended = { inHand: [], quiet: [] }
    this.judge('handover')
  }

  /** This did the generation no harm. */
  passed(suspect: Suspect): void {
    this.#current.delete(suspect)
  }

  /**
   * Nobody waits any more for what the generation has in hand, and what it does there is not known: until that
   * generation ends, nothing can be told from its end.
   */
  abandoned(suspect: Suspect): void {
    this.#current.delete(suspect)
    this.#blurred = true
  }

  /** The next ones to be tried. */
  next(isThere: (suspect: Suspect) => boolean): Suspect[] {
    while (this.#current.size === 0) {
      const group = this.#waiting.shift()
      if (group === undefined) return []
      this.#current = new Set(group.filter(isThere))
      this.#groupSize = this.#current.size
    }
    return [...this.#current]
  }

  /** Whether the generation has it in hand, on trial. */
  isTrying(suspect: Suspect): boolean {
    return this.#current.has(suspect)
  }

  /** Dying once with nothing in hand blames nobody; doing it again and again does. */
  #suspectsOf({ quiet }: { quiet: Suspect[] }): Suspect[] {
    const now = performance.now()
    const inRow = now - this.#lastQuietDeath < rowMs
    this.#lastQuietDeath = now
    return inRow ? quiet : []
  }
}

/** In groups whose size makes the turns of all of them, and of one of them one by one, the fewest. */
function inGroups(suspects: Suspect[]): Suspect[][] {
  const size = Math.max(1, Math.floor(Math.sqrt(suspects.length)))
  const count = Math.ceil(suspects.length / size)
  return Array.from({ length: count }, (_, i) => suspects.slice(i * size, (i + 1) * size))
}
