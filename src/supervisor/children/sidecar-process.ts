import { join } from 'node:path'
import type { Settings } from '../../contracts/settings.ts'
import type { Log } from '../../lib/log.ts'
import { describeEnd, startChild } from './child.ts'
import type { Child } from './child.ts'

const restartMs = 1_000
/** One that cannot start (its port is taken, say) is tried ever more seldom, down to this. */
const seldomMs = 30_000

/** The sidecar as a child, where it has no container of its own. */
export class SidecarProcess {
  readonly #settings: Settings
  readonly #log: Log
  readonly #env: NodeJS.ProcessEnv
  readonly #onLine: (line: string) => void
  #child: Child | undefined
  #timer: NodeJS.Timeout | undefined
  #stopping = false
  #failures = 0

  constructor(options: { settings: Settings; log: Log; env: NodeJS.ProcessEnv; onLine: (line: string) => void }) {
    this.#settings = options.settings
    this.#log = options.log
    this.#env = options.env
    this.#onLine = options.onLine
  }

  start(): void {
    const child = startChild(join(this.#settings.paths.src, 'sidecar/main.ts'), {
      env: this.#env,
      onLine: this.#onLine,
    })
    this.#child = child
    const began = Date.now()
    void child.ended.then((end) => {
      if (this.#child !== child || this.#stopping) return
      this.#failures = Date.now() - began > seldomMs ? 1 : this.#failures + 1
      const waitMs = Math.min(seldomMs, restartMs * 2 ** (this.#failures - 1))
      this.#log.warn(`the sidecar ended (${describeEnd(end)}); it is started again in ${Math.round(waitMs / 1_000)} s`)
      this.#timer = setTimeout(() => this.start(), waitMs)
    })
  }

  /** Its code has changed: it is replaced. */
  restart(): void {
    clearTimeout(this.#timer)
    this.#failures = 0
    const old = this.#child
    this.#child = undefined
    old?.process.kill('SIGTERM')
    void old?.endWithin(2_000).then(() => {
      if (!this.#stopping) this.start()
    })
  }

  async stop(): Promise<void> {
    this.#stopping = true
    clearTimeout(this.#timer)
    this.#child?.process.kill('SIGTERM')
    await this.#child?.endWithin(2_000)
  }
}
