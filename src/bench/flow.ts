import { setTimeout as delay } from 'node:timers/promises'
import { outcomesIn } from '../history/work.ts'
import type { WireClient } from '../testing/wire-client.ts'
import { sendWork, untilAllDone } from '../testing/work.ts'
import type { Sent } from '../testing/work.ts'

/** One start is due every 5 ms: so many conversations, with requests that take so long, in ms. */
const pace = { conversations: 20, latencyMs: 100 } as const
/** Requests of each conversation that are sent when the work threatens to run out, and how often that is looked at. */
const more = { perConversation: 2, everyMs: 50 } as const

/** Work that flows until it is told to end: however long what is measured takes, there is something to start. */
export class Flow {
  readonly sent: Sent = new Map()
  readonly #client: WireClient
  readonly #tag: string
  readonly #filling: Promise<void>
  #isOver = false
  #pieces = 0
  #count = 0
  /** pushes that were looked at, and the outcomes among them */
  #seen = 0
  #done = 0

  private constructor(client: WireClient, tag: string) {
    this.#client = client
    this.#tag = tag
    this.#filling = this.#fill()
  }

  /** @param seconds of work sent ahead, and waited for until all of it is taken */
  static async start(client: WireClient, tag: string, seconds: number): Promise<Flow> {
    const flow = new Flow(client, tag)
    await flow.#send(Math.ceil((seconds * 1_000) / pace.latencyMs))
    return flow
  }

  /** Sends no more, and waits until all is done. @throws Error when something of it could not be sent */
  async finish(): Promise<void> {
    this.#isOver = true
    await this.#filling
    await untilAllDone(this.#client, this.sent)
  }

  async #fill(): Promise<void> {
    for (; !this.#isOver; await delay(more.everyMs))
      if (this.#count > 0 && this.#left() < pace.conversations * more.perConversation)
        await this.#send(more.perConversation)
  }

  async #send(perConversation: number): Promise<void> {
    this.#pieces += 1
    const sent = await sendWork(this.#client, { ...pace, perConversation, tag: `${this.#tag}${this.#pieces}-` })
    for (const [session, ids] of sent) this.sent.set(session, ids)
    this.#count += pace.conversations * perConversation
  }

  #left(): number {
    const { pushes } = this.#client
    this.#done += outcomesIn(pushes.slice(this.#seen)).length
    this.#seen = pushes.length
    return this.#count - this.#done
  }
}
