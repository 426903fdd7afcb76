import { requestOf } from './event.ts'
import type { HistoryEvent } from './event.ts'

interface Followed {
  attempt: number
  next: number
  text: string
  ended: boolean
}

/**
 * What came on streams, held to what is promised of them: every chunk of every attempt in its order, none missing, none
 * twice, and nothing after the end.
 */
export class StreamHistory {
  readonly faults: string[] = []
  readonly #streams = new Map<string, Followed>()

  take(event: Pick<HistoryEvent, 'event' | 'data'>): void {
    const request = requestOf({ seq: 0, ...event })
    if (request === undefined) return
    const stream = this.#streams.get(request) ?? { attempt: 1, next: 0, text: '', ended: false }
    this.#streams.set(request, stream)
    if (stream.ended) this.faults.push(`${request}: ${event.event} after its end`)
    if (event.event === 'completion:stream_end') stream.ended = true
    if (event.event === 'completion:delta') this.#delta(request, stream, event.data)
  }

  /** The text of the last attempt, and whether it has ended. */
  of(request: string): { text: string; ended: boolean; attempt: number } | undefined {
    return this.#streams.get(request)
  }

  #delta(request: string, stream: Followed, data: Record<string, unknown>): void {
    const [attempt, offset] = [Number(data['attempt']), Number(data['offset'])]
    if (attempt > stream.attempt) Object.assign(stream, { attempt, next: 0, text: '' })
    if (attempt !== stream.attempt || offset !== stream.next)
      this.faults.push(`${request}: chunk ${attempt}:${offset} where ${stream.attempt}:${stream.next} was due`)
    stream.next = offset + 1
    if (typeof data['text'] === 'string') stream.text += data['text']
  }
}
