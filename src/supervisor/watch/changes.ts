import type { Settings } from '../../contracts/settings.ts'
import type { Log } from '../../lib/log.ts'
import { classify } from './change-kinds.ts'
import { startWatch } from './watch.ts'
import type { Watch, WatchedChange } from './watch.ts'

interface ChangesOptions {
  settings: Settings
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

  /** What the files hold now is what is taken as known: make it before any code is read. */
  constructor(options: ChangesOptions) {
    const { settings, log } = options
    const { paths, KSI_WATCH_POLL: poll, KSI_MODE } = settings
    this.#o = options
    if (KSI_MODE !== 'dev') return
    this.#watch = startWatch({ root: paths.src, poll, log, later: true, onChange: (change) => this.#changed(change) })
  }

  get isWatching(): boolean {
    return this.#watch?.isReady === true
  }

  /** Files that changed and wait for a restart of the whole. */
  get waitingForRestart(): string[] {
    return [...this.#waiting]
  }

  /** From now on changes are seen at once; before they are looked for every now and then. */
  hurry(): void {
    this.#watch?.hurry()
  }

  async stop(): Promise<void> {
    await this.#watch?.stop()
  }

  #changed(change: WatchedChange): void {
    const { log, onDaemon, onRunner, onSidecar } = this.#o
    const { files } = change
    const kinds = classify(files)
    log.info({ files }, 'saved')
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
