import { join } from 'node:path'
import type { Settings } from '../../contracts/settings.ts'
import { describeEnd } from '../../lib/child-end.ts'
import { KeptChild } from '../../lib/kept-child.ts'
import type { Log } from '../../lib/log.ts'

const restartMs = 1_000
/** One that cannot start (its port is taken, say) is tried ever more seldom, down to this. */
const seldomMs = 30_000
const endMs = 2_000

/** The sidecar as a child, where it has no container of its own. */
export class SidecarProcess {
  readonly #child: KeptChild
  #failures = 0

  constructor(options: { settings: Settings; log: Log; env: NodeJS.ProcessEnv; onLine: (line: string) => void }) {
    const { settings, log, env, onLine } = options
    this.#child = new KeptChild({
      path: join(settings.paths.src, 'sidecar/main.ts'),
      env,
      onLine,
      onEnd: (end, livedMs) => {
        this.#failures = livedMs > seldomMs ? 1 : this.#failures + 1
        const waitMs = Math.min(seldomMs, restartMs * 2 ** (this.#failures - 1))
        log.warn(`the sidecar ended (${describeEnd(end)}); it is started again in ${Math.round(waitMs / 1_000)} s`)
        return waitMs
      },
    })
  }

  start(): void {
    this.#child.start()
  }

  /** Its code has changed: it is replaced. */
  restart(): void {
    this.#failures = 0
    void this.#child.restart(endMs)
  }

  stop(): Promise<void> {
    return this.#child.stop(endMs)
  }
}
