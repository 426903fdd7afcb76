import { fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { judge } from '../../history/report.ts'
import { largest, quantile } from '../../lib/statistics.ts'
import { Ksi } from '../../testing/ksi.ts'
import { Load } from '../../testing/load.ts'
import type { Asked } from '../../testing/asker.ts'
import { memoryOfAll } from '../../testing/processes.ts'
import { makeProject } from '../../testing/project.ts'
import { randomFrom } from '../../lib/random.ts'
import { Attacker } from './attacker.ts'
import { attacks } from './attacks.ts'

const token = 'known to friends only'
/** Health must be there within this, in ms, but for what the machine made whoever asked wait. */
const healthMs = 100
/** All processes of ksi together may have this much memory, in MB. It is to be 600; this is what is held so far. */
const mostMemory = 700
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
  /** most at one time, in MB, of all processes of ksi */
  memory: number
}

/**
 * Attacks a ksi for `ms`: half of the time with each attack by itself, then with all of them, two at a time.
 * Well-behaved clients stand beside, whose promises are audited.
 * @param options `root`: the checkout it is made from
 */
export async function besiege(options: { ms: number; seed: number; root?: string | undefined }): Promise<SiegeReport> {
  const siege = new Siege(options)
  while (siege.goesOn) await siege.fight()
  return siege.report()
}

class Siege {
  readonly #until: number
  readonly #soloMs: number
  /** attacks that still wait to be made by themselves */
  readonly #solo = Object.keys(attacks)
  readonly #begun = performance.now()
  readonly #random: () => number
  readonly #seed: number
  readonly #root: string | undefined
  readonly #faults: Fault[] = []
  readonly #rounds: Record<string, number> = {}
  readonly #replies: number[] = []
  #own = 0
  #recent: string[] = []
  #memory = 0

  constructor(options: { ms: number; seed: number; root?: string | undefined }) {
    this.#until = this.#begun + options.ms
    this.#soloMs = options.ms / 2 / this.#solo.length
    this.#seed = options.seed
    this.#random = randomFrom(options.seed)
    this.#root = options.root
  }

  get goesOn(): boolean {
    return performance.now() < this.#until
  }

  report(): SiegeReport {
    const ownDelay = this.#own
    const p99 = quantile(this.#replies, 0.99)
    if (p99 > healthMs + 5 * ownDelay)
      this.#fault(
        `health took ${p99.toFixed(0)} ms in the slowest of a hundred, ${ownDelay.toFixed(0)} of them its own`,
      )
    if (this.#memory > mostMemory) this.#fault(`ksi had ${this.#memory} MB of memory`)
    return {
      faults: this.#faults,
      rounds: this.#rounds,
      health: { asked: this.#replies.length, p99, slowest: largest(this.#replies), ownDelay },
      memory: this.#memory,
    }
  }

  /** Fights one ksi until the time is over, or until something happened to it. */
  async fight(): Promise<void> {
    using project = makeProject(this.#root === undefined ? {} : { from: this.#root })
    await using ksi = await Ksi.start(project, { KSI_TOKEN: token, KSI_LOG_LEVEL: 'info' })
    const port = Number((await ksi.status()).addresses.tcp.split(':').at(-1))
    const load = { address: ksi.socket, seed: this.#seed, senders: 2, subscribers: 2, restMs: 400, probeMs: 200 }
    using friends = await Load.start(load)
    const before = this.#faults.length
    const isUnharmed = (): boolean => this.#faults.length === before
    let over = false
    const isOver = (): boolean => over || !this.goesOn || !isUnharmed()
    void ksi.exited.then((code) => {
      if (!over) this.#fault(`the supervisor ended with ${code}`)
    })
    const watching = Promise.allSettled([this.#askHealth(ksi, isOver), this.#watch(ksi, isOver)])
    while (!isOver()) {
      this.#recent = []
      const alone = this.#solo.shift()
      const names = alone === undefined ? Object.keys(attacks) : [alone]
      const until = alone === undefined ? this.#until : performance.now() + this.#soloMs
      const isDone = (): boolean => performance.now() > until || isOver()
      const hands = alone === undefined ? [0, 1] : [0]
      await Promise.all(hands.map(() => this.#attack(names, { socket: ksi.socket, port }, isDone)))
    }
    await watching
    over = true
    if (isUnharmed()) await this.#finish(ksi, friends)
    else friends.abandon()
  }

  async #attack(names: string[], where: { socket: string; port: number }, isDone: () => boolean): Promise<void> {
    while (!isDone()) {
      const name = names[Math.floor(this.#random() * names.length)] ?? ''
      this.#rounds[name] = (this.#rounds[name] ?? 0) + 1
      this.#recent = [...this.#recent.slice(-3), name]
      const attacker = new Attacker({ random: this.#random, token, ...where })
      try {
        await attacks[name]?.(attacker)
      } finally {
        attacker.end()
      }
    }
  }

  /** Asks for health all the time, as a client that means well, from a process that does nothing else. */
  async #askHealth(ksi: Ksi, isOver: () => boolean): Promise<void> {
    const asker = fork(new URL('../../testing/asker.ts', import.meta.url), [ksi.socket, 'system:health'])
    let heardAt = performance.now()
    let cut = false
    asker.on('message', ({ took, own }: Asked) => {
      heardAt = performance.now()
      this.#replies.push(took)
      this.#own = own
    })
    asker.once('exit', () => (cut = true))
    while (!isOver()) {
      // On a machine that has no time for us either, everybody takes longer.
      const limit = silentMs + 20 * this.#own
      if (cut) this.#fault('the connection of a well-behaved client was cut')
      else if (performance.now() - heardAt > limit) this.#fault(`no health for ${Math.round(limit)} ms`)
      await delay(20)
    }
    if (cut) return
    asker.disconnect()
    await once(asker, 'exit')
  }

  /** Follows how often a generation has died: the supervisor says so whatever they do; and how much memory all have. */
  async #watch(ksi: Ksi, isOver: () => boolean): Promise<void> {
    let before = 0
    for (let round = 0; !isOver(); round++) {
      const { crashes } = await ksi.status()
      if (crashes > before) this.#fault(`a generation died (${crashes - before})`)
      before = crashes
      if (round % 5 === 0) this.#memory = Math.max(this.#memory, memoryOfAll(ksi.process.pid ?? 0) ?? 0)
      await delay(100)
    }
  }

  async #finish(ksi: Ksi, load: Load): Promise<void> {
    const report = await load.finish(60_000)
    if (report.lost > 0) {
      using client = await ksi.client()
      const { status_counts: counts } = await client.request('completion:status')
      this.#fault(`what there is now: ${JSON.stringify(counts)}`)
    }
    const { refused, cut } = report
    if (refused > 0) this.#fault(`well-behaved clients: ${refused} refused`)
    if (cut > 0) this.#fault(`well-behaved clients: ${cut} cut`)
    for (const fault of judge(report)) this.#fault(`well-behaved clients: ${fault}`)
  }

  #fault(what: string): void {
    this.#faults.push({
      at: Math.round((performance.now() - this.#begun) / 100) / 10,
      what,
      during: [...new Set(this.#recent)],
    })
  }
}
