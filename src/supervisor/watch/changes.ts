import { join } from 'node:path'
import type { Settings } from '../../contracts/settings.ts'
import type { Log } from '../../lib/log.ts'
import { classify } from './change-kinds.ts'
import { SourceTrees } from './source-trees.ts'
import { Watch } from './watch.ts'
import type { WatchedChange } from './watch.ts'

/** The watch begins so long, in ms, after the start at the latest. */
const lateMs = 500

interface ChangesOptions {
  settings: Settings
  env: NodeJS.ProcessEnv
  log: Log
  onDaemon: (files: string[], change: WatchedChange) => void
  onRunner: (files: string[], change: WatchedChange) => void
  onSidecar: () => void
}

/** What is saved, and whom it concerns. In production nothing is watched. */
export class Changes {
  readonly #o: ChangesOptions
  readonly #watch: Watch | undefined
  /** Files of what does not reload itself, as long as they are not what was started. */
  readonly #waiting = new Set<string>()
  #late: NodeJS.Timeout | undefined
  readonly #trees: SourceTrees | undefined

  /** What the files hold now is what is taken as known: make it before any code is read. */
  constructor(options: ChangesOptions) {
    const { settings, env, log } = options
    const { paths, KSI_WATCH_POLL: poll, KSI_MODE } = settings
    this.#o = options
    if (KSI_MODE !== 'dev') return
    const keep = join(paths.run, 'source')
    this.#trees = new SourceTrees(keep, paths.src)
    this.#watch = new Watch({ root: paths.src, poll, keep, env, log, onChange: (change) => this.#changed(change) })
    this.#trees.add(this.#watch.known)
    // The first boot has the machine for itself, but not for ever: it may be one that only a save ends.
    this.#late = setTimeout(() => this.hurry(), lateMs)
  }

  /** What the source was, as far as it is kept. In production nothing is. */
  get trees(): SourceTrees | undefined {
    return this.#trees
  }

  get isWatching(): boolean {
    return this.#watch?.isReady === true
  }

  /** Files that changed and wait for a restart of the whole. */
  get waitingForRestart(): string[] {
    return [...this.#waiting]
  }

  /** What is seen later than it could be, and why. */
  get problem(): string | null {
    return this.#watch?.problem ?? null
  }

  /** From now on changes are seen; what was changed before is seen first. */
  hurry(): void {
    clearTimeout(this.#late)
    this.#watch?.start()
  }

  async stop(): Promise<void> {
    clearTimeout(this.#late)
    await this.#watch?.stop()
  }

  #changed(change: WatchedChange): void {
    const { log, onDaemon, onRunner, onSidecar } = this.#o
    const { files } = change
    if (this.#watch !== undefined) this.#trees?.add(this.#watch.known)
    const kinds = classify(files)
    log.debug({ files }, 'saved')
    if (kinds.runner.length > 0) onRunner(kinds.runner, change)
    if (kinds.daemon.length > 0) onDaemon(kinds.daemon, change)
    if (kinds.sidecar.length > 0) onSidecar()
    for (const file of kinds.supervisor) {
      if (this.#watch?.isAsStarted(file) === true) this.#waiting.delete(file)
      else this.#waiting.add(file)
    }
    const waiting = kinds.supervisor.filter((file) => this.#waiting.has(file))
    if (waiting.length > 0)
      log.warn({ files: waiting }, 'the supervisor does not reload itself: restart ksi to use this change')
  }
}
