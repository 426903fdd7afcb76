import { basename, join } from 'node:path'
import { fromWatch } from '../../contracts/watch.ts'
import type { FromWatch, ToWatch } from '../../contracts/watch.ts'
import { describeEnd } from '../../lib/child-end.ts'
import type { ChildEnd } from '../../lib/child-end.ts'
import { KeptChild } from '../../lib/kept-child.ts'
import type { Log } from '../../lib/log.ts'
import { SourceHashes } from '../../lib/source-hashes.ts'
import type { Hashes } from '../../lib/source-hashes.ts'

/** A save, or several at once. */
export interface WatchedChange {
  /** as `src/daemon/x.ts` */
  files: string[]
  /** epoch ms: the newest time stamp of the changed files; now, when files were only removed */
  savedAt: number
  /** from there until it was seen */
  watchMs: number
}

interface WatchOptions {
  /** the source folder */
  root: string
  /** look every now and then instead of waiting for events: for file systems without inotify */
  poll: boolean
  /** where what the files held is kept */
  keep: string
  env: NodeJS.ProcessEnv
  log: Log
  onChange: (change: WatchedChange) => void
}

/** One that ended by itself is started again after so long, in ms; one that does so all the time, ever more seldom. */
const restartMs = { least: 100, most: 5_000 }
/** One that lived so long, in ms, was sound. */
const soundMs = 30_000
/** One that says nothing for so long, in ms, is ended, and another one started. */
const heartbeatMs = 5_000

/**
 * Watches the source folder: `onChange` is called for every save that changed content, however it was made. A process
 * of its own looks (main.ts); what it has told is kept here, so that another one can go on where it ended: whatever
 * happens to it, no change is missed and none is told twice.
 */
export class Watch {
  readonly #o: WatchOptions
  readonly #prefix: string
  readonly #first: Hashes
  readonly #known: Map<string, string>
  readonly #child: KeptChild
  #started = false
  #how: 'events' | 'polling' | undefined
  #problem: string | null = null
  #failures = 0

  /** What is on disk now is what is taken as known. */
  constructor(options: WatchOptions) {
    const { root, env } = options
    this.#o = options
    this.#prefix = basename(root)
    this.#first = new SourceHashes(root).accepted
    this.#known = new Map(this.#first)
    this.#child = new KeptChild({
      path: join(import.meta.dirname, 'main.ts'),
      env,
      onLine: (line) => options.log.debug({ line }, 'the watch says'),
      onMessage: (message) => this.#heard(message),
      onStart: (child) => {
        const { poll, keep } = options
        child.send({ type: 'watch', root, poll, keep, known: [...this.#known] } satisfies ToWatch)
        child.watchHeartbeat(heartbeatMs, () => child.kill())
      },
      onEnd: (end, livedMs) => this.#ended(end, livedMs),
    })
  }

  /** Sees changes from now on, those of before included. Idempotent. */
  start(): void {
    if (this.#started) return
    this.#started = true
    this.#child.start()
  }

  /** Ends it. Idempotent. */
  async stop(): Promise<void> {
    this.#started = true
    await this.#child.stop(heartbeatMs, (child) => child.kill())
  }

  /** Whether it sees changes. */
  get isReady(): boolean {
    return this.#how !== undefined
  }

  /** What is seen later than it could be, or not at all, and why. */
  get problem(): string | null {
    return this.#problem
  }

  /** What the files hold, as far as it was told. */
  get known(): Hashes {
    return this.#known
  }

  /** Whether a file (`src/daemon/x.ts`) holds what it held when the watch was made. */
  isAsStarted(file: string): boolean {
    const path = file.slice(this.#prefix.length + 1)
    return this.#first.get(path) === this.#known.get(path)
  }

  #heard(message: unknown): void {
    const said: FromWatch | undefined = fromWatch.safeParse(message).data
    if (said?.type === 'watching') this.#isWatching(said)
    if (said?.type !== 'changed') return
    for (const [path, hash] of said.changed) this.#known.set(path, hash)
    for (const path of said.removed) this.#known.delete(path)
    const paths = [...said.changed.map(([path]) => path), ...said.removed]
    const files = paths.map((path) => `${this.#prefix}/${path}`).sort()
    this.#o.onChange({ files, savedAt: said.saved_at, watchMs: Math.max(0, Date.now() - said.saved_at) })
  }

  #isWatching({ how, files, problem }: Extract<FromWatch, { type: 'watching' }>): void {
    const { log, root } = this.#o
    this.#how = how
    if (problem === null) log.info({ root, files, how }, 'watching')
    else if (problem !== this.#problem) log.warn({ root, files, how }, problem)
    this.#problem = problem
  }

  /** @returns after how many ms it is started again */
  #ended(end: ChildEnd, livedMs: number): number {
    // It ends itself, now and then, where files cannot be watched: another one tries anew.
    if (end.code === 0) return 0
    this.#failures = livedMs > soundMs ? 1 : this.#failures + 1
    const waitMs = end.killedFromOutside && this.#failures === 1 ? 0 : this.#waitMs()
    const how = describeEnd(end)
    this.#o.log.warn(`the watch ended (${how}); it is started again in ${waitMs} ms`)
    if (this.#failures > 1) this.#problem = `Changes of files are seen late: the watch cannot go on (${how}).`
    return waitMs
  }

  #waitMs(): number {
    return Math.min(restartMs.most, restartMs.least * 2 ** (this.#failures - 1))
  }
}
