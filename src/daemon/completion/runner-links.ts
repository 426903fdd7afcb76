import type { RunnerAddress } from '../../contracts/control.ts'
import { KsiError } from '../../lib/errors.ts'
import type { Log } from '../../lib/log.ts'
import { RunnerLink } from './runner-link.ts'
import type { RunnerListener } from './runner-link.ts'

/** The connections to all runners the supervisor names. */
export class RunnerLinks {
  readonly #links = new Map<string, RunnerLink>()
  readonly #log: Log
  /** Runners that are no more, whose last words are being read. */
  readonly #leaving = new Set<string>()
  #drained = new Set<string>()
  #closed = false
  #listener: RunnerListener | undefined
  #epoch: number | undefined

  constructor(log: Log) {
    this.#log = log
  }

  /** Who hears what the runners say. They say nothing before `hello`. */
  listen(listener: RunnerListener): void {
    this.#listener = listener
  }

  /** Takes over the supervisor's list: new runners are connected to, missing ones are gone. */
  update(all: RunnerAddress[]): void {
    const addresses = all.filter(({ drained }) => drained !== true)
    this.#drained = new Set(all.filter(({ drained }) => drained === true).map(({ id }) => id))
    const named = new Set(addresses.map(({ id }) => id))
    for (const [id, link] of this.#links) {
      if (named.has(id) || this.#leaving.has(id)) continue
      this.#leaving.add(id)
      link.finish(() => {
        this.#links.delete(id)
        this.#leaving.delete(id)
        if (!this.#closed) this.#listener?.gone(id)
      })
    }
    for (const address of addresses) {
      const known = this.#links.get(address.id)
      if (known !== undefined) {
        known.accepting = address.accepting
        continue
      }
      const link = new RunnerLink(address, () => this.#heard(), this.#log)
      this.#links.set(address.id, link)
      if (this.#epoch !== undefined) void link.hello(this.#epoch, 0)
    }
  }

  /** Takes over from the generation before; resolves once every runner has told what it holds, or after `limitMs`. */
  async hello(epoch: number, limitMs: number): Promise<void> {
    this.#epoch = epoch
    await Promise.all([...this.#links.values()].map((link) => link.hello(epoch, limitMs)))
  }

  /** The runner that takes new work, if it can be reached. */
  accepting(): RunnerLink | undefined {
    for (const link of this.#links.values()) if (link.accepting && link.ready) return link
    return undefined
  }

  /**
   * Whether this runner has ended in peace: it holds nothing, and has never read what it was given without an outcome.
   */
  hasDrained(id: string): boolean {
    return this.#drained.has(id)
  }

  /** The runner with this id, if it lives as far as the supervisor knows. */
  get(id: string | null): RunnerLink | undefined {
    return id === null ? undefined : this.#links.get(id)
  }

  #heard(): RunnerListener {
    if (this.#listener === undefined) throw new KsiError('KSI_INTERNAL', 'a runner speaks before anybody listens')
    return this.#listener
  }

  close(): void {
    this.#closed = true
    for (const link of this.#links.values()) link.close()
    this.#links.clear()
  }
}
