import { join } from 'node:path'
import type { Settings } from '../../contracts/settings.ts'
import { describeEnd } from '../../lib/child-end.ts'
import type { ChildEnd } from '../../lib/child-end.ts'
import { errorCodes } from '../../lib/errors.ts'
import { KeptChild } from '../../lib/kept-child.ts'
import type { Log } from '../../lib/log.ts'
import { portHolder } from '../../lib/port-holder.ts'

const restartMs = 1_000
/** One that cannot start (its port is taken, say) is tried ever more seldom, down to this. */
const seldomMs = 30_000
const endMs = 2_000
/** One that runs so long, in ms, answers. */
const settledMs = 3_000

/** The sidecar as a child, where it has no container of its own. */
export class SidecarProcess {
  readonly #child: KeptChild
  #failures = 0
  #problem: string | null = null

  constructor(options: { settings: Settings; log: Log; env: NodeJS.ProcessEnv; onLine: (line: string) => void }) {
    const { settings, log, env, onLine } = options
    this.#child = new KeptChild({
      path: join(settings.paths.src, 'sidecar/main.ts'),
      env,
      onLine,
      onStart: (child) => {
        // One that cannot have its port ends well before that.
        const timer = setTimeout(() => (this.#problem = null), settledMs)
        timer.unref()
        void child.ended.then(() => clearTimeout(timer))
      },
      onEnd: (end, livedMs) => {
        this.#failures = livedMs > seldomMs ? 1 : this.#failures + 1
        this.#problem = `The status page is not there: ${whyEnded(end, settings)}.`
        const waitMs = Math.min(seldomMs, restartMs * 2 ** (this.#failures - 1))
        log.warn(`${this.#problem} It is started again in ${Math.round(waitMs / 1_000)} s.`)
        return waitMs
      },
    })
  }

  /** Why there is no page; null when there is one, as far as is known. */
  get problem(): string | null {
    return this.#problem
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

function whyEnded(end: ChildEnd, { KSI_SIDECAR_PORT: port }: Settings): string {
  if (end.code !== errorCodes.KSI_PORT_IN_USE) return `the sidecar ended (${describeEnd(end)})`
  const holder = portHolder(port)
  const by = holder === undefined ? '' : ` by ${holder.name} (pid ${holder.pid})`
  return `its port ${port} is in use${by}; stop that, or set KSI_SIDECAR_PORT to a free one`
}
