import { createReadStream } from 'node:fs'
import type { ConversationMessage } from '../../contracts/events/conversations.ts'
import { systemCodeOf } from '../../lib/errors.ts'
import { LineCutter } from '../../lib/ndjson.ts'
import { maxContent, toMessage } from './said.ts'

/** A line of more bytes is passed over: it would take too long to look into. */
const maxLineBytes = 33_554_432
/** So much of a file is looked at for one reply, a piece at a time. */
const looked = { bytes: 67_108_864, piece: 262_144 } as const

/** Which messages are wanted: after the `skip` first ones from a place on. */
interface Wanted {
  /** bytes */
  from: number
  skip: number
  limit: number
}

interface Found {
  messages: ConversationMessage[]
  /** messages that were looked at */
  total: number
  /** the place to go on from; null at the end of the file */
  next: number | null
}

/**
 * Reads messages from a response file, each prompt before its answer, also where KSI's own daemon wrote it after that.
 * A piece is looked at a time, so that nobody waits for a long file.
 * @returns undefined where there is no such file
 * @throws the system's error
 */
export async function readMessages(path: string, wanted: Wanted): Promise<Found | undefined> {
  const page = new Page(wanted)
  const stream = createReadStream(path, { start: wanted.from, highWaterMark: looked.piece })
  try {
    for await (const chunk of stream) if (!page.take(chunk as Buffer)) break
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return undefined
    throw error
  } finally {
    stream.destroy()
  }
  return page.end()
}

/** The messages that go into one reply. */
class Page {
  readonly #wanted: Wanted
  readonly #cutter: LineCutter
  readonly #messages: ConversationMessage[] = []
  /** An answer whose prompt may stand behind it; with the place before it. */
  #early: { message: ConversationMessage; at: number } | undefined
  readonly #asked = new Set<string>()
  #characters = 0
  #total = 0
  /** where the line begins that comes next */
  #place: number
  #next: number | null = null
  #isFull = false

  constructor(wanted: Wanted) {
    this.#wanted = wanted
    this.#place = wanted.from
    this.#cutter = new LineCutter(maxLineBytes, (line) => this.#line(line))
  }

  /** @returns whether more is wanted */
  take(chunk: Buffer): boolean {
    const before = this.#place
    const pending = this.#cutter.pendingBytes
    this.#cutter.push(chunk)
    // What the lines did not account for were too long ones.
    const behind = before + pending + chunk.length - this.#cutter.pendingBytes
    this.#place = Math.max(this.#place, behind)
    if (this.#place - this.#wanted.from < looked.bytes) return true
    this.#next ??= this.#place
    return false
  }

  end(): Found {
    this.#flush()
    return { messages: this.#messages, total: this.#total, next: this.#next }
  }

  #line(line: Buffer): void {
    const at = this.#place
    this.#place += line.length + 1
    // Once the page is full lines are counted, and not looked into.
    if (this.#isFull) {
      this.#total += 1
      return
    }
    const message = toMessage(line.toString('utf8'))
    if (message === undefined) return
    const early = this.#early
    this.#early = undefined
    if (message.type === 'user') this.#asked.add(message.request_id)
    if (early !== undefined && early.message.request_id === message.request_id) {
      this.#add(message, early.at)
      // With its prompt, or not at all: there is no place between the two to go on from.
      if (this.#isFull) return
      return this.#add(early.message, at, true)
    }
    if (early !== undefined) this.#add(early.message, early.at)
    if (message.type === 'claude' && !this.#asked.has(message.request_id)) this.#early = { message, at }
    else this.#add(message, at)
  }

  #flush(): void {
    if (this.#early !== undefined) this.#add(this.#early.message, this.#early.at)
    this.#early = undefined
  }

  #add(message: ConversationMessage, at: number, also = false): void {
    const isWanted = this.#total >= this.#wanted.skip
    this.#total += 1
    if (!isWanted || this.#isFull) return
    this.#characters += message.content.length
    const { length } = this.#messages
    this.#isFull = !also && (length >= this.#wanted.limit || (this.#characters > maxContent && length > 0))
    if (this.#isFull) this.#next ??= at
    else this.#messages.push(message)
  }
}
