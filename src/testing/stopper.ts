import { setTimeout as delay } from 'node:timers/promises'
import type { Ksi } from './ksi.ts'
import { childrenOf, signal } from './processes.ts'

/** Who is stopped, by a part of its command line. */
const parts = {
  supervisor: 'supervisor/main',
  generation: 'daemon/main',
  host: 'runner/host',
  runner: 'runner/main',
} as const
type Part = keyof typeof parts

/** Stops processes of a ksi by SIGSTOP, for a while. */
export class Stopper {
  /** how often each was stopped */
  readonly done = new Map<Part, number>()
  readonly #ksi: Ksi
  readonly #random: () => number
  readonly #longestMs: number

  /**
   * @param longestMs a runner is never stopped for longer than half of it, so that with it as the heartbeat no work is
   * lost; all others are, every now and then
   */
  constructor(ksi: Ksi, random: () => number, longestMs: number) {
    this.#ksi = ksi
    this.#random = random
    this.#longestMs = longestMs
  }

  /** Any process but the watch's and the spares'; resolves when it goes on. */
  async stopOne(): Promise<void> {
    const names = Object.keys(parts) as Part[]
    const part = names[Math.floor(this.#random() * names.length)] ?? 'generation'
    const share = part === 'runner' || this.#random() < 0.5 ? 0.5 : 2
    const pids = await this.#pidsOf(part)
    const pid = pids[Math.floor(this.#random() * pids.length)]
    if (pid === undefined) return
    this.done.set(part, (this.done.get(part) ?? 0) + 1)
    signal(pid, 'SIGSTOP')
    await delay(this.#random() * share * this.#longestMs)
    signal(pid, 'SIGCONT')
  }

  async #pidsOf(part: Part): Promise<number[]> {
    const root = this.#ksi.process.pid ?? 0
    if (part === 'supervisor') return [root]
    if (part === 'generation') return [await this.#ksi.livePid()]
    return childrenOf(root)
      .filter(({ command }) => command.includes(parts[part]))
      .map(({ pid }) => pid)
  }

  get told(): string {
    return [...this.done].map(([part, times]) => `${part} × ${times}`).join(', ')
  }
}
