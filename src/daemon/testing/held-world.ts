import type { TestContext } from 'node:test'
import type { RunOutcome } from '../../contracts/runner.ts'
import { settle } from '../completion/settle.ts'
import type { Core } from '../core.ts'
import { handleEvent } from '../wire/handle-event.ts'
import { internalContext } from '../wire/router.ts'
import { Dispatched } from './dispatched.ts'
import { accept, rowOf } from './test-core.ts'
import type { TestRoot } from './test-core.ts'

/** The clock of a machine that a test moves. */
export const time = { uptimeMs: () => Date.now(), wallMs: () => Date.now(), machine: 'here' }

/** A generation with a dispatcher, in a time of its own. */
export class HeldWorld {
  readonly core: Core
  readonly dispatched: Dispatched
  #sent = 0

  constructor(core: Core) {
    this.core = core
    this.dispatched = new Dispatched(core)
    this.dispatched.dispatcher.open()
  }

  static begin(t: TestContext, root: TestRoot, env: Record<string, string> = {}): HeldWorld {
    t.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: Date.UTC(2026, 10, 24, 12) })
    return new HeldWorld(root.core(env, { time }))
  }

  /** Accepts a request in a conversation of its own name, or of what stands before its dash. */
  add(...ids: string[]): this {
    for (const id of ids) accept(this.core, { request_id: id, conversation_id: id.split('-')[0] })
    return this
  }

  add1(id: string, data: object): this {
    accept(this.core, { request_id: id, conversation_id: id, ...data })
    return this
  }

  end(id: string, outcome: RunOutcome): this {
    this.core.journal.tx(() => settle(this.core, rowOf(this.core, id), outcome))
    return this
  }

  /** What was started since it was last asked. */
  async started(): Promise<string[]> {
    this.dispatched.dispatcher.kick()
    await this.dispatched.turns(8)
    return this.dispatched.inputs.splice(0).map(({ request_id }) => request_id)
  }

  /** When the next hold is over, to the ms. */
  untilOver(t: TestContext): this {
    const { holds, journal } = this.core
    t.mock.timers.tick((holds.nextAt() ?? 0) - journal.clock.now())
    return this
  }

  holds(): string[] {
    return this.core.holds.list(50).holds.map(({ scope, name, cause, phase }) => `${scope} ${name} ${cause} ${phase}`)
  }

  told(): string[] {
    return this.core.events
      .after(0, 1_000)
      .filter(({ name }) => /held|released/.test(name))
      .map(({ name, data }) => `${name} ${String(data.scope)} ${String(data.name)}`)
  }

  close(): void {
    this.dispatched.dispatcher.close()
  }

  /** Sends an event as a client does. @returns its reply, or what of it says that it was refused */
  send(event: string, data: Record<string, unknown>): Record<string, unknown> {
    const results = handleEvent(this.core, {
      event,
      data,
      context: { ...internalContext, eventId: `e${this.#sent++}` },
      again: false,
    })
    if (results instanceof Promise) throw new Error(`${event} is answered later`)
    return results[0] as Record<string, unknown>
  }
}
