import type { Socket } from 'node:net'
import { runnerProtocol, whoIsTooOld } from '../../contracts/protocol.ts'
import type { RunnerAddress } from '../../contracts/runner-host.ts'
import { KsiError } from '../../lib/errors.ts'
import type { Log } from '../../lib/log.ts'
import { HostLink } from './host-link.ts'
import { RunnerLink } from './runner-link.ts'
import type { RunnerListener } from './runner-link.ts'

type Address = Pick<RunnerAddress, 'id' | 'socket' | 'accepting'> & Partial<RunnerAddress>

/** The connections to all runners the runner host names. */
export class RunnerLinks {
  readonly #links = new Map<string, RunnerLink>()
  readonly #log: Log
  /** Runners that are no more, whose last words are being read. */
  readonly #leaving = new Set<string>()
  #drained = new Set<string>()
  /** Runners one cannot talk to, since either is too old for the other; the supervisor names them. */
  #strange = new Set<string>()
  #closed = false
  /** Why no runner takes work, by the host's word. */
  #problem: string | null = null
  #listener: RunnerListener | undefined
  #epoch: number | undefined
  #host: HostLink | undefined
  /** Runners that were asked for while the host had not yet said whether they live. */
  #unknown: Set<string> | undefined

  constructor(log: Log) {
    this.#log = log
  }

  /** Who hears what the runners say. They say nothing before `hello`. */
  listen(listener: RunnerListener): void {
    this.#listener = listener
  }

  /** From now on the runner host at this path says which runners there are; `early` is a connection to it. */
  follow(path: string, early?: Socket): void {
    this.#unknown = new Set()
    this.#host = new HostLink({
      path,
      early,
      log: this.#log,
      onList: ({ runners, drained, problem }) => {
        this.#problem = problem
        this.update(runners, drained)
      },
    })
  }

  /** Takes over the host's list: new runners are connected to, missing ones are gone. */
  update(addresses: readonly Address[], drained: readonly string[] = []): void {
    this.#drained = new Set(drained)
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
    this.#strange = new Set(addresses.filter(isStrange).map(({ id }) => id))
    for (const address of addresses) {
      if (this.#strange.has(address.id)) continue
      const known = this.#links.get(address.id)
      if (known !== undefined) {
        known.accepting = address.accepting
        continue
      }
      const link = new RunnerLink(address, () => this.#heard(), this.#log)
      this.#links.set(address.id, link)
      if (this.#epoch !== undefined) void link.hello(this.#epoch, 0)
    }
    const asked = this.#unknown ?? []
    this.#unknown = undefined
    for (const id of asked) if (!named.has(id)) this.#listener?.gone(id)
  }

  /**
   * Whether the host has not yet said which runners there are, or this is one that cannot be talked to: then it may
   * live. It is told when it does not.
   */
  isUnknown(id: string): boolean {
    if (this.#strange.has(id)) return true
    this.#unknown?.add(id)
    return this.#unknown !== undefined
  }

  /** Takes over from the generation before; resolves once every runner has told what it holds, or after `limitMs`. */
  async hello(epoch: number, limitMs: number): Promise<void> {
    this.#epoch = epoch
    if (this.#unknown !== undefined) await this.#host?.known(limitMs)
    await Promise.all([...this.#links.values()].map((link) => link.hello(epoch, limitMs)))
  }

  /** Why no runner takes work, in a sentence. */
  problem(): string {
    if (this.#unknown !== undefined) return 'The runner host does not say which runners there are.'
    const silent = this.#links.values().find(({ accepting, ready }) => accepting && !ready)
    return silent === undefined ? (this.#problem ?? 'There is no runner.') : `The runner ${silent.id} does not answer.`
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

  /** The runner with this id, if it lives as far as the host knows. */
  get(id: string | null): RunnerLink | undefined {
    return id === null ? undefined : this.#links.get(id)
  }

  #heard(): RunnerListener {
    if (this.#listener === undefined) throw new KsiError('KSI_INTERNAL', 'a runner speaks before anybody listens')
    return this.#listener
  }

  close(): void {
    this.#closed = true
    this.#host?.close()
    for (const link of this.#links.values()) link.close()
    this.#links.clear()
  }
}

function isStrange({ protocol = 1, oldest = 1 }: Address): boolean {
  return whoIsTooOld(runnerProtocol, { protocol, oldest }) !== null
}
