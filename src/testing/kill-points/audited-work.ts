import assert from 'node:assert/strict'
import { EventHistory } from '../../history/event-history.ts'
import { SubscriptionHistory } from '../../history/subscription-history.ts'
import { assertJournalSound } from '../../store/testing/sound.ts'
import type { Ksi } from '../ksi.ts'
import type { Project } from '../project.ts'
import type { Data, WireClient } from '../wire-client.ts'

/** A little of everything a client does, over and over, and whether all of it came out as it may. */
export class AuditedWork {
  readonly history = new EventHistory()
  readonly #project: Project
  readonly #subscription = new SubscriptionHistory(0, true)
  #client: WireClient
  #round = 0
  readonly #acknowledged: string[] = []

  private constructor(project: Project, client: WireClient) {
    this.#project = project
    this.#client = client
    this.#follow()
  }

  static async begin(project: Project, ksi: Ksi): Promise<AuditedWork> {
    const work = new AuditedWork(project, await ksi.client())
    await work.#client.request('monitor:subscribe', { event_patterns: ['*'], since: 0 })
    return work
  }

  /** Goes on with a ksi that was started anew, from where it was told last. */
  async goOn(ksi: Ksi): Promise<void> {
    this.#client = await ksi.client()
    this.#follow()
    await this.#client.request('monitor:subscribe', { event_patterns: ['*'], since: this.#subscription.last })
  }

  /** Requests, one ahead of others, one cancelled, a checkpoint, and a hand-over in the midst of it. */
  async round(): Promise<void> {
    const tag = `k${this.#round++}`
    await Promise.all([
      this.#send('completion:async', tag, 'a', 0),
      this.#send('completion:async', tag, 'b', 15),
      this.#send('completion:inject', tag, 'c', 0),
      this.#send('completion:async', tag, 'd', 400),
      this.#ask('completion:cancel', { request_id: `${tag}-d` }),
      this.#ask('dev:checkpoint', {}),
      this.#ask('completion:wait', { request_id: `${tag}-a`, timeout_ms: 20_000 }),
    ])
    await this.#ask('system:reload', {})
    await this.#send('completion:async', tag, 'e', 0)
  }

  /**
   * Every request that was acknowledged comes to one outcome, told once, in order, and as its status says; the journal
   * agrees with itself. @param allowed reasons for which a request may have failed
   */
  async audit(allowed: readonly string[]): Promise<void> {
    for (const request_id of this.#acknowledged) {
      const { completed_at, status, reason } = await this.#client.request('completion:wait', {
        request_id,
        timeout_ms: 20_000,
      })
      assert.ok(completed_at != null, `${request_id} is ${String(status)}`)
      if (status === 'failed') assert.ok(allowed.includes(String(reason)), `${request_id}: ${String(reason)}`)
      await this.#client.until(() => this.history.outcomes.has(request_id), 5_000)
      assert.equal(this.history.outcomes.get(request_id)?.state, status, request_id)
    }
    this.#acknowledged.length = 0
    assert.deepEqual(this.history.faults, [])
    const { doubled, missed } = this.#subscription
    assert.deepEqual({ doubled, missed }, { doubled: 0, missed: 0 })
    assertJournalSound(this.#project.path('var/db/dev_checkpoint.db'))
  }

  /** Its connection was ended by the other side. */
  get cut(): boolean {
    return this.#client.cut
  }

  close(): void {
    this.#client.close()
  }

  #follow(): void {
    this.#client.onPush = (push) => {
      if (this.#subscription.take(push)) this.history.take(push)
    }
  }

  async #send(event: string, tag: string, name: string, latency_ms: number): Promise<void> {
    const request_id = `${tag}-${name}`
    const data = { prompt: name, request_id, session_id: `${tag}-${name === 'e' ? 'e' : 's'}` }
    const reply = await this.#ask(event, { ...data, extra_body: { echo: { latency_ms } } })
    if (reply?.request_id === request_id) this.#acknowledged.push(request_id)
  }

  /** Undefined where the connection was cut: nothing was promised then. */
  async #ask(event: string, data: Data): Promise<Data | undefined> {
    try {
      return await this.#client.request(event, data)
    } catch (error) {
      if (this.#client.cut) return undefined
      throw error
    }
  }
}
