import { hash } from 'node:crypto'
import type { PoisonRecord } from '../../contracts/control.ts'
import { errorReply } from '../../contracts/wire.ts'
import type { ReplyTo } from '../../contracts/wire.ts'
import { parseObject } from '../../lib/ndjson.ts'
import type { RequestLine } from './request-line.ts'

/** Names that are remembered; the oldest gives way. */
const kept = 50

/** What ended two generations, by name; and what of it is not tried again while the code is the same. */
export class PoisonList {
  readonly #records = new Map<string, PoisonRecord>()
  readonly #refused = new Map<string, string>()

  get records(): PoisonRecord[] {
    return [...this.#records.values()]
  }

  /** @param text the line, or a subscription as a line */
  add(event: string, text: string | Buffer): PoisonRecord {
    const data = parseObject(text.toString())?.['data'] ?? {}
    const id = typeof data === 'object' && data !== null && 'request_id' in data ? data.request_id : undefined
    const requestId = typeof id === 'string' ? id.slice(0, 200) : null
    const name = `${event} ${requestId ?? ''}`
    const record = { event, request_id: requestId, at: Date.now(), times: (this.#records.get(name)?.times ?? 0) + 1 }
    // The newest stands last.
    this.#records.delete(name)
    this.#records.set(name, record)
    this.#refused.set(digest(event, data), event)
    for (const map of [this.#records, this.#refused]) {
      const oldest = map.keys().next().value
      if (map.size > kept && oldest !== undefined) map.delete(oldest)
    }
    return record
  }

  /** Whether the same was put aside under this code. */
  refuses(request: Pick<RequestLine, 'event' | 'data'>): boolean {
    const { event } = request
    if (this.#refused.size === 0 || !this.#refused.values().some((one) => one === event)) return false
    return this.#refused.has(digest(event, request.data))
  }

  /** Other code may well bear what the code before did not. */
  codeChanged(): void {
    this.#refused.clear()
  }
}

function digest(event: string, data: unknown): string {
  return hash('sha1', `${event} ${JSON.stringify(data)}`)
}

/** The reply to what was put aside. */
export function poisonReply(what: string, about: ReplyTo): string {
  return errorReply(
    `${what} ended two generations of the daemon, each of which had nothing else in hand, and was put aside. ` +
      'Do not send it again before the code is mended; `ksi status` shows what was put aside.',
    'KSI_POISON',
    about,
  )
}
