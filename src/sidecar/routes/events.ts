import type { FastifyInstance } from 'fastify'
import { KsiError } from '../../lib/errors.ts'
import type { EventViews } from '../../store/views/events.ts'
import { serveRaw } from '../api/serve.ts'
import type { Knowledge } from '../knowledge.ts'
import type { Snapshot, StatusHub } from '../status-hub.ts'
import { eventText } from '../streams.ts'

/** Events read at a time, and the most that are told again to one who comes back. */
const batch = 200
const replayed = 5_000

/** `/events`: the whole document as `snapshot` at once and after each change, and each event of the journal. */
export async function eventRoutes(server: FastifyInstance, { knowledge }: { knowledge: Knowledge }): Promise<void> {
  const { hub, streams, access } = knowledge
  serveRaw(server, '/events', ({ request, reply }) => {
    const last = /^\d{1,15}$/.exec(String(request.headers['last-event-id'] ?? ''))?.[0]
    const showsData = access.mayRead(request)
    const stream = streams.open(reply)
    const feed = new Feed({ hub, showsData, after: last === undefined ? undefined : Number(last), read: readEvents })
    const { end } = hub.subscribe(() => stream.poke())
    stream.closed.addEventListener('abort', end)
    stream.from(() => feed.next())
    return reply
  })

  function readEvents<T>(what: (events: EventViews) => T): T | undefined {
    try {
      return knowledge.journal((reader) => what(reader.events))
    } catch (error) {
      // The snapshot says already that the journal cannot be read.
      if (error instanceof KsiError) return undefined
      throw error
    }
  }
}

interface FeedOptions {
  hub: StatusHub
  showsData: boolean
  /** the last event the client has */
  after: number | undefined
  read: <T>(what: (events: EventViews) => T) => T | undefined
}

/** What one client is still to be told. */
class Feed {
  readonly #o: FeedOptions
  readonly #waiting: string[] = []
  #version: number | undefined
  #seq: number

  constructor(options: FeedOptions) {
    this.#o = options
    this.#seq = options.after ?? options.hub.latest().document.journal.facts?.last_seq ?? 0
    if (options.after !== undefined) this.#noteGap(options.after)
  }

  next(): string | undefined {
    const snapshot = this.#o.hub.latest()
    if (snapshot.version !== this.#version) return this.#snapshot(snapshot)
    if (this.#waiting.length === 0) this.#readOn(snapshot)
    return this.#waiting.shift()
  }

  #snapshot(snapshot: Snapshot): string {
    const isFirst = this.#version === undefined
    this.#version = snapshot.version
    // The id is what a client shows when it comes back: only events move it on.
    return eventText('snapshot', snapshot.json, isFirst ? this.#seq : undefined)
  }

  #readOn({ document }: Snapshot): void {
    const newest = document.journal.facts?.last_seq ?? 0
    // Another journal stands in its place, which counts from the beginning.
    if (newest < this.#seq) this.#seq = newest
    if (newest === this.#seq) return
    const events = this.#o.read((view) => view.after(this.#seq, batch)) ?? []
    for (const event of events) {
      this.#seq = event.seq
      const told = this.#o.showsData ? event : { ...event, data: null }
      this.#waiting.push(eventText('event', JSON.stringify(told), event.seq))
    }
  }

  /** What is gone by now, or is too much, is named instead. */
  #noteGap(after: number): void {
    const { first, last } = this.#o.read((view) => view.bounds()) ?? { first: 0, last: 0 }
    const from = Math.max(first, last - replayed + 1)
    if (last === 0 || from <= after + 1) return
    this.#waiting.push(eventText('gap', JSON.stringify({ after, from }), from - 1))
    this.#seq = from - 1
  }
}
