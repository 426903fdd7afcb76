import type { LoggedEvent } from '../../contracts/events/event-log.ts'
import type { EventHead } from '../../store/event-heads.ts'
import type { Core } from '../core.ts'
import { shortened } from './shortened.ts'

/** Rows that are looked at in one turn of the event loop, and for one reply. */
const rows = { aTurn: 500, all: 50_000 } as const
/** Characters of events in one reply: KSI's clients read no more than 10 MiB. */
const maxCharacters = 4_194_304

/** Which events are wanted. */
export interface Wanted {
  matches: (head: EventHead) => boolean
  /** `matches` asks whom they are about */
  byAgent?: boolean
  /** seqs: from this one on, and before that one */
  from: number
  before: number
  /** without the newest so many */
  skip?: number
  limit: number
  /** long values too */
  whole?: boolean
}

export interface Found {
  /** newest first */
  events: LoggedEvent[]
  /** how many matched, the skipped ones too */
  matched: number
  /** go on before this seq; null when there are no more */
  next: number | null
}

/**
 * Looks for events of the past. One search at a time and some rows a turn, whoever asks and for how much: nobody else
 * waits for it.
 */
export class EventSearch {
  readonly #core: Core
  #last: Promise<unknown> = Promise.resolve()

  constructor(core: Core) {
    this.#core = core
  }

  find(wanted: Wanted): Promise<Found> {
    const found: Found = { events: [], matched: 0, next: null }
    const { limit, skip = 0 } = wanted
    let characters = 0
    const look = this.walk(wanted, (head) => {
      if (!wanted.matches(head)) return true
      const isFull = found.events.length >= limit || characters > maxCharacters
      if (isFull) {
        found.next = head.seq + 1
        return false
      }
      found.matched += 1
      if (found.matched <= skip) return true
      const event = this.#read(head, wanted.whole === true)
      characters += event.characters
      // What alone is too much is told short, so that there is always a way on.
      const fits = characters <= maxCharacters || found.events.length === 0
      if (fits) found.events.push(event.logged)
      else found.next = head.seq + 1
      return fits
    })
    return look.then((stopped) => ({ ...found, next: found.next ?? stopped }))
  }

  /**
   * Calls `each` with events, newest first, until it says false.
   * @returns where it stopped because it had looked at enough; null when there are no more
   */
  walk(
    { from, before, byAgent = false }: Pick<Wanted, 'from' | 'before' | 'byAgent'>,
    each: (head: EventHead) => boolean,
  ) {
    const walk = this.#last.then(async (): Promise<number | null> => {
      let at = before
      for (let looked = 0; looked < rows.all; looked += rows.aTurn) {
        const heads = this.#core.journal.eventHeads.before(at, rows.aTurn, byAgent)
        for (const head of heads) if (head.seq < from || !each(head)) return null
        at = heads.at(-1)?.seq ?? 0
        if (heads.length < rows.aTurn) return null
        await new Promise((resolve) => setImmediate(resolve))
      }
      return at
    })
    this.#last = walk.catch(() => {})
    return walk
  }

  #read(head: EventHead, whole: boolean): { logged: LoggedEvent; characters: number } {
    const [event] = this.#core.events.after(head.seq - 1, 1)
    const data = event?.seq === head.seq ? event.data : {}
    const text = JSON.stringify(data)
    const told = whole && text.length <= maxCharacters ? text : shortened(data, text)
    const logged: LoggedEvent = {
      timestamp: head.at / 1_000,
      event_name: head.name,
      data: told === text ? data : (JSON.parse(told) as Record<string, unknown>),
      seq: head.seq,
    }
    return { logged, characters: told.length }
  }
}
