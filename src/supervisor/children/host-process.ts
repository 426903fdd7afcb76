import { join } from 'node:path'
import type { Settings } from '../../contracts/settings.ts'
import { sleep } from '../../lib/backoff.ts'
import { describeEnd } from '../../lib/child-end.ts'
import { countCrash, noCrashes } from '../../lib/crash-backoff.ts'
import { systemCodeOf } from '../../lib/errors.ts'
import { KeptChild } from '../../lib/kept-child.ts'

interface HostProcessOptions {
  settings: Settings
  env: NodeJS.ProcessEnv
  onLine: (line: string) => void
  /** One that was started by us went down, in words. */
  onEnd: (how: string) => void
}

/** Above the time the host gives its runners. */
const endMs = 4_000
const lookMs = 5
/** It makes little garbage, and gives back what its start has taken. compose.yaml says the same. */
const frugal = ['--max-semi-space-size=1', '--expose-gc']

/**
 * The runner host's process: the one that a supervisor before has left, or else one of our own, which is to outlive us
 * in its turn. Where the host has a container of its own, it is nobody's to start or to end.
 */
export class HostProcess {
  readonly #o: HostProcessOptions
  readonly #child: KeptChild
  #found: number | null = null
  #backoff = noCrashes
  #stopped = false

  constructor(options: HostProcessOptions) {
    const { settings, env, onLine, onEnd } = options
    this.#o = options
    this.#child = new KeptChild({
      path: join(settings.paths.src, 'runner/host.ts'),
      env,
      onLine,
      detached: true,
      execArgv: frugal,
      onEnd: (end, livedMs) => {
        const crash = { killed: end.killedFromOutside, livedMs }
        const { backoff, waitMs } = countCrash(this.#backoff, crash, performance.now())
        this.#backoff = backoff
        onEnd(describeEnd(end))
        return waitMs
      },
    })
  }

  /** Whether the host was there before us. */
  get wasFound(): boolean {
    return !this.#child.isKept
  }

  /** Nobody answers at the host's socket: one is started, if none of ours is on its way. */
  missing(): void {
    if (this.#stopped || this.#o.settings.KSI_RUNNER === 'elsewhere' || this.#child.isKept) return
    this.#found = null
    this.#child.start()
  }

  /** One answers, under this pid. */
  found(pid: number | null): void {
    this.#found = pid
  }

  /** Leaves it to itself, with what runs. */
  letGo(): void {
    this.#stopped = true
    this.#child.letGo()
  }

  /** Sees to it that it ends, in time. @param ask asks it; `isThere` says whether the one that was found answers */
  async stop(ask: () => boolean, isThere: () => boolean): Promise<void> {
    this.#stopped = true
    if (this.#o.settings.KSI_RUNNER === 'elsewhere') return
    if (this.#child.isKept)
      return this.#child.stop(endMs, (child) => {
        if (!ask()) child.signal('SIGTERM')
      })
    ask()
    for (const until = performance.now() + endMs; isThere(); await sleep(lookMs))
      if (performance.now() > until) return kill(this.#found)
  }
}

function kill(pid: number | null): void {
  try {
    if (pid !== null) process.kill(pid, 'SIGKILL')
  } catch (error) {
    if (systemCodeOf(error) !== 'ESRCH') throw error
  }
}
