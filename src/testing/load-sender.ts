import { setTimeout as delay } from 'node:timers/promises'
import type { Data, WireClient } from './wire-client.ts'

/** A request as it was sent, and what was said of it. */
export interface SentRequest {
  conversation: string
  acknowledged: boolean
  cancelAsked: boolean
  /** its cancel was confirmed */
  cancelled: boolean
  /** what `completion:wait` replied */
  waited: string | undefined
  /** runs it takes: two when its first try is made to fail */
  tries: number
}

export interface SenderOptions {
  /** its conversations begin with it */
  name: string
  random: () => number
  /** between two bursts, on average, in ms */
  restMs: number
  extra: Data
  onReply: (ms: number) => void
}

const conversations = 2
const burst = 6
const latencyMs = 50
const waitMs = 60_000

/** One connection that sends bursts of requests without waiting for the replies, and notes what it is told. */
export class LoadSender {
  readonly client: WireClient
  readonly sent = new Map<string, SentRequest>()
  readonly faults: string[] = []
  replies = 0
  acknowledged = 0
  unanswered = 0
  readonly #options: SenderOptions
  readonly #stopping = new AbortController()
  readonly #done: Promise<void>

  constructor(client: WireClient, options: SenderOptions) {
    this.client = client
    this.#options = options
    this.#done = this.#work()
  }

  /** Sends no more; resolves when all replies are there. */
  stop(): Promise<void> {
    this.#stopping.abort()
    return this.#done
  }

  close(): void {
    this.#stopping.abort()
    this.client.close()
  }

  async #work(): Promise<void> {
    const { random, restMs } = this.#options
    const open = new Set<Promise<void>>()
    const { signal } = this.#stopping
    while (!signal.aborted && !this.client.cut) {
      const conversation = `${this.#options.name}-${Math.floor(random() * conversations)}`
      for (let left = 1 + Math.floor(random() * burst); left > 0; left--) {
        for (const work of this.#sendOne(conversation)) {
          const watched = work.finally(() => open.delete(watched))
          open.add(watched)
        }
      }
      await delay(2 * restMs * random(), undefined, { signal }).catch(() => {})
    }
    await Promise.all(open)
  }

  /** One request, and now and then more about it. */
  #sendOne(conversation: string): Promise<void>[] {
    const { random, extra } = this.#options
    const request_id = `${conversation}-${this.sent.size}`
    const retried = random() < 0.01
    const request: SentRequest = {
      conversation,
      acknowledged: false,
      cancelAsked: false,
      cancelled: false,
      waited: undefined,
      tries: retried ? 2 : 1,
    }
    this.sent.set(request_id, request)
    const event = random() < 0.1 ? 'completion:inject' : 'completion:async'
    const echo = { latency_ms: Math.floor(random() * latencyMs), ...(retried ? { fail_times: 1 } : {}) }
    const data = { prompt: `say ${request_id}`, session_id: conversation, request_id, extra_body: { echo }, ...extra }
    const work = [this.#submit(event, data, request, random() < 0.05)]
    const more = random()
    if (more < 0.05) work.push(this.#cancel(request_id, request))
    else if (more < 0.1) work.push(this.#wait(request_id, request))
    else if (more < 0.15)
      work.push(
        this.#ask('completion:status', { request_id }).then((reply) =>
          this.#expect(reply?.request_id === request_id, request_id, reply),
        ),
      )
    return work
  }

  /** @param twice sends it a second time at once: one of the replies says so, and both mean the same request */
  async #submit(event: string, data: Data, request: SentRequest, twice: boolean): Promise<void> {
    const replies = await Promise.all(Array.from({ length: twice ? 2 : 1 }, () => this.#ask(event, data)))
    for (const reply of replies)
      this.#expect(
        reply !== undefined && reply.request_id === data.request_id && !('error' in reply),
        String(data.request_id),
        reply,
      )
    if (replies.some((reply) => reply?.request_id === data.request_id)) {
      request.acknowledged = true
      this.acknowledged += 1
    }
    const firsts = replies.filter((reply) => reply !== undefined && reply.duplicate === undefined).length
    this.#expect(
      firsts === 1,
      `${String(data.request_id)}: of ${replies.length} sent, ${firsts} were taken for the first`,
      replies,
    )
  }

  async #cancel(request_id: string, request: SentRequest): Promise<void> {
    request.cancelAsked = true
    const reply = await this.#ask('completion:cancel', { request_id })
    if (reply?.status === 'cancelled') request.cancelled = true
    else this.#expect(/already (completed|failed)/.test(String(reply?.error)), `cancel of ${request_id}`, reply)
  }

  async #wait(request_id: string, request: SentRequest): Promise<void> {
    const reply = await this.#ask('completion:wait', { request_id, timeout_ms: waitMs }, false)
    if (reply !== undefined) request.waited = String(reply.status)
    this.#expect(reply?.completed_at != null, `wait for ${request_id}`, reply)
  }

  async #ask(event: string, data: Data, timed = true): Promise<Data | undefined> {
    const begun = performance.now()
    try {
      const reply = await this.client.request(event, data)
      this.replies += 1
      if (timed) this.#options.onReply(performance.now() - begun)
      return reply
    } catch (error) {
      this.unanswered += 1
      this.#expect(false, event, String(error))
      return undefined
    }
  }

  #expect(truth: boolean, about: string, reply: unknown): void {
    if (!truth && this.faults.length < 20) this.faults.push(`${about}: ${JSON.stringify(reply)?.slice(0, 300)}`)
  }
}
