import { createHash } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import type { Stats } from 'node:fs'
import { join } from 'node:path'
import { systemCodeOf } from './errors.ts'
import { sourceFilesIn } from './source-files.ts'

/** Time stamps may be this coarse: a file written twice within it can keep time and size, with other content. */
const coarseMs = 50

interface Entry {
  /** changes whenever the file may have changed */
  stamp: string
  hash: string
  size: number
  /** epoch ms of the last change, renames included */
  changedAt: number
  /** epoch ms when it was read */
  readAt: number
}

/** Files by path and by the hash of what they hold. */
export type Hashes = ReadonlyMap<string, string>

/** How the files differ from what was last accepted. Paths are relative to the root, with `/`. */
export interface Difference {
  /** new, or with other content, with its hash */
  changed: [path: string, hash: string][]
  removed: string[]
  /** how many of `changed` had content and have none now */
  emptied: number
  /** epoch ms: the newest change among `changed`; undefined when there are none */
  savedAt: number | undefined
}

/** What all source files under a folder contain, by hash, so that a save is known by content and not by event. */
export class SourceHashes {
  readonly #root: string
  #seen = new Map<string, Entry>()
  #accepted: Hashes
  #links: readonly string[] = []
  /** what cannot be read, with the system's error code: nothing is said of it */
  #unreadable = new Map<string, string>()

  /** @param known what is taken as known; what is on disk now when not given */
  constructor(root: string, known?: Hashes) {
    this.#root = root
    this.#look()
    this.#accepted = known ?? this.#present()
  }

  /** What was accepted last. */
  get accepted(): Hashes {
    return this.#accepted
  }

  get count(): number {
    return this.#seen.size
  }

  /** Links that lead out of the folder. */
  get links(): readonly string[] {
    return this.#links
  }

  /** Folders and files that cannot be read, with the system's error code. */
  get unreadable(): ReadonlyMap<string, string> {
    return this.#unreadable
  }

  /** Compares what is on disk now with what was accepted last. Reads only files whose time stamps moved. */
  compare(): Difference {
    this.#look()
    const difference: Difference = { changed: [], removed: [], emptied: 0, savedAt: undefined }
    for (const [path, entry] of this.#seen) {
      const before = this.#accepted.get(path)
      if (before === entry.hash) continue
      difference.changed.push([path, entry.hash])
      if (entry.size === 0 && before !== undefined) difference.emptied += 1
      difference.savedAt = Math.max(difference.savedAt ?? 0, entry.changedAt)
    }
    for (const path of this.#accepted.keys())
      if (!this.#seen.has(path) && !this.#isHidden(path)) difference.removed.push(path)
    return difference
  }

  /** Takes what `compare` saw last as known; what is hidden stays known as it was. */
  accept(): void {
    const accepted = this.#present()
    if (this.#unreadable.size > 0)
      for (const [path, hash] of this.#accepted)
        if (!accepted.has(path) && this.#isHidden(path)) accepted.set(path, hash)
    this.#accepted = accepted
  }

  #present(): Map<string, string> {
    return new Map([...this.#seen].map(([path, { hash }]) => [path, hash]))
  }

  #isHidden(path: string): boolean {
    for (const hidden of this.#unreadable.keys())
      if (hidden === '' || path === hidden || path.startsWith(`${hidden}/`)) return true
    return false
  }

  #look(): void {
    const { files, unreadable, links } = sourceFilesIn(this.#root)
    this.#links = links
    this.#unreadable = unreadable
    const seen = new Map<string, Entry>()
    for (const path of files) {
      const entry = this.#entry(path)
      if (entry !== undefined) seen.set(path, entry)
    }
    this.#seen = seen
  }

  #entry(path: string): Entry | undefined {
    const before = this.#seen.get(path)
    const file = join(this.#root, path)
    try {
      const stats = statSync(file)
      const stamp = `${stats.ino} ${stats.size} ${stats.mtimeMs} ${stats.ctimeMs}`
      if (before?.stamp === stamp && before.readAt - before.changedAt > coarseMs) return before
      const readAt = Date.now()
      return { stamp, hash: hashOf(readFileSync(file)), size: stats.size, changedAt: changedAt(stats), readAt }
    } catch (error) {
      const code = systemCodeOf(error) ?? ''
      // Gone between listing and reading is gone; anything else says nothing of the content.
      if (code !== 'ENOENT') this.#unreadable.set(path, code)
      return undefined
    }
  }
}

/** What stands for the content of a file. */
export function hashOf(content: Buffer): string {
  return createHash('sha1').update(content).digest('hex')
}

/** A file moved into place keeps an old mtime; its ctime is the time of the move. */
function changedAt(stats: Stats): number {
  return Math.round(Math.max(stats.mtimeMs, stats.ctimeMs))
}
