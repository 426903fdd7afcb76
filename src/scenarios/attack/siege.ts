import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import { largest, quantile } from '../../lib/statistics.ts'
import { Ksi } from '../../testing/ksi.ts'
import { Load } from '../../testing/load.ts'
import { memoryOf } from '../../testing/processes.ts'
import { makeProject } from '../../testing/project.ts'
import { randomFrom } from '../../testing/random.ts'
import { WireClient } from '../../testing/wire-client.ts'
import { Attacker } from './attacker.ts'
import { attacks } from './attacks.ts'

const token = 'known to friends only'
/** Health must be there within this, in ms, but for what this process itself made it wait. */
const healthMs = 100
/** Nothing heard for so long, in ms, is a silence: worth an entry of its own. */
const silentMs = 3_000

/** Something that should not have happened. */
export interface Fault {
  /** s since the start */
  at: number
  what: string
  /** attacks that went on then, or shortly before */
  during: string[]
}

export interface SiegeReport {
  faults: Fault[]
  rounds: Record<string, number>
  health: { asked: number; p99: number; slowest: number; ownDelay: number }
  /** most at one time, in MB: supervisor and live generation */
  memory: number
}

/**
 * Attacks a ksi for `ms`, two attacks at a time, with well-behaved clients beside them whose promises are audited.
 * @param options `root`: the checkout it is made from
 */
export async function besiege(options: { ms: number; seed: number; root?: string | undefined }): Promise<SiegeReport> {
  const siege = new Siege(options)
  while (performance.now() < siege.until) await siege.fight()
  return siege.report()
}

class Siege {
  readonly until: number
  readonly #begun = performance.now()
  readonly #random: () => number
  readonly #seed: number
  readonly #root: string | undefined
  readonly #faults: Fault[] = []
  readonly #rounds: Record<string, number> = {}
  readonly #replies: number[] = []
  readonly #ownDelay = monitorEventLoopDelay({ resolution: 5 })
  #recent: string[] = []
  #memory = 0
  #crashes = 0

  constructor(options: { ms: number; seed: number; root?: string | undefined }) {
    this.until = this.#begun + options.ms
    this.#seed = options.seed
    this.#random = randomFrom(options.seed)
    this.#root = options.root
  }

  report(): SiegeReport {
    const ownDelay = this.#ownDelay.percentile(99) / 1e6
    const p99 = quantile(this.#replies, 0.99)
    if (p99 - ownDelay > healthMs)
      this.#fault(`health took ${p99.toFixed(0)} ms in the slowest of a hundred, ${ownDelay.toFixed(0)} of them ours`)
    return {
      faults: this.#faults,
      rounds: this.#rounds,
      health: { asked: this.#replies.length, p99, slowest: largest(this.#replies), ownDelay },
      memory: this.#memory,
    }
  }

  /** Fights one ksi until the time is over, or until it is no more. */
  async fight(): Promise<void> {
    using project = makeProject(this.#root)
    await using ksi = await Ksi.start(project, { KSI_TOKEN: token, KSI_LOG_LEVEL: 'info' })
    this.#ownDelay.enable()
    this.#crashes = 0
    const port = Number((await ksi.status()).addresses.tcp.split(':').at(-1))
    using load = await Load.start({
      address: ksi.socket,
      seed: this.#seed,
      senders: 2,
      subscribers: 2,
      restMs: 100,
      probeMs: 200,
    })
    const over = new AbortController()
    const isOver = (): boolean => over.signal.aborted || performance.now() > this.until
    void ksi.exited.then((code) => {
      if (over.signal.aborted) return
      this.#fault(`the supervisor ended with ${code}`)
      over.abort()
    })
    const watching = this.#watch(ksi, isOver).catch(() => {})
    await Promise.all([0, 1].map(() => this.#attack({ socket: ksi.socket, port }, isOver)))
    const ended = over.signal.aborted
    await watching
    if (ended) return load.abandon()
    await this.#finish(load)
    over.abort()
  }

  async #attack(where: { socket: string; port: number }, isOver: () => boolean): Promise<void> {
    const names = Object.keys(attacks)
    while (!isOver()) {
      const name = names[Math.floor(this.#random() * names.length)] ?? ''
      this.#rounds[name] = (this.#rounds[name] ?? 0) + 1
      this.#recent = [...this.#recent.slice(-3), name]
      const attacker = new Attacker({ random: this.#random, ...where })
      try {
        await attacks[name]?.(attacker)
      } finally {
        attacker.end()
      }
    }
  }

  /** Asks for health and for the supervisor's count of crashes, all the time. */
  async #watch(ksi: Ksi, isOver: () => boolean): Promise<void> {
    let client = await WireClient.connect(ksi.socket)
    while (!isOver()) {
      const begun = performance.now()
      const answered = client.request('system:health').then(
        () => 'answered',
        () => 'cut',
      )
      while ((await Promise.race([answered, delay(silentMs)])) === undefined && !isOver())
        this.#fault(`no health for ${((performance.now() - begun) / 1_000).toFixed(0)} s`)
      if (isOver()) break
      this.#replies.push(performance.now() - begun)
      if ((await answered) === 'cut') {
        this.#fault('the connection of a well-behaved client was cut')
        client = await WireClient.connect(ksi.socket)
      }
      await this.#look(ksi, client)
      await delay(20)
    }
    client.close()
  }

  async #look(ksi: Ksi, client: WireClient): Promise<void> {
    const [{ crashes }, { pid }] = await Promise.all([
      client.request('supervisor:status'),
      client.request('system:health'),
    ])
    if (Number(crashes) > this.#crashes) this.#fault(`a generation died (${Number(crashes) - this.#crashes})`)
    this.#crashes = Number(crashes)
    const of = (one: unknown): number => memoryOf(Number(one))?.now ?? 0
    this.#memory = Math.max(this.#memory, of(ksi.process.pid) + of(pid))
  }

  async #finish(load: Load): Promise<void> {
    const { refused, cut, lost, doubled, missed, failures, problems } = await load.finish(30_000)
    for (const [name, count] of Object.entries({
      refused,
      cut,
      lost,
      doubled,
      missed,
      failed: failures['poison'] ?? 0,
    }))
      if (count > 0) this.#fault(`well-behaved clients: ${count} ${name}`)
    for (const problem of problems) this.#fault(`well-behaved clients: ${problem}`)
  }

  #fault(what: string): void {
    this.#faults.push({ at: Math.round((performance.now() - this.#begun) / 100) / 10, what, during: [...this.#recent] })
  }
}
