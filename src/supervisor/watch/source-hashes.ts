import { createHash } from 'node:crypto'
import { readFileSync, readdirSync, statSync } from 'node:fs'
import type { Stats } from 'node:fs'
import { extname, join } from 'node:path'
import { systemCodeOf } from '../../lib/errors.ts'

/** The kinds of files that are source; editors' own files (`x~`, `.x.swp`, `4913`, `x.tmp`) are of none of these. */
export const sourceExtensions = ['ts', 'js', 'sql', 'json', 'html', 'css', 'svg'] as const

const extensions = new Set(sourceExtensions.map((extension) => `.${extension}`))
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

/** How the files differ from what was last accepted. Paths are relative to the root, with `/`. */
export interface Difference {
  /** new, or with other content */
  changed: string[]
  removed: string[]
  /** those of `changed` that had content and have none now */
  emptied: string[]
  /** epoch ms: the newest change among `changed`; undefined when there are none */
  savedAt: number | undefined
}

/** What all source files under a folder contain, by hash, so that a save is known by content and not by event. */
export class SourceHashes {
  readonly #root: string
  /** what was read when all this began */
  readonly #first: ReadonlyMap<string, Entry>
  #seen = new Map<string, Entry>()
  #accepted: ReadonlyMap<string, Entry>

  constructor(root: string) {
    this.#root = root
    this.#look()
    this.#accepted = this.#first = this.#seen
  }

  /** Whether a file holds now what it held at first, or is as absent as then. */
  isAsStarted(path: string): boolean {
    return this.#first.get(path)?.hash === this.#seen.get(path)?.hash
  }

  get count(): number {
    return this.#seen.size
  }

  /**
   * Compares what is on disk now with what was accepted last. Reads only files whose time stamps moved.
   * @throws the system error when the folder itself cannot be read
   */
  compare(): Difference {
    this.#look()
    const difference: Difference = { changed: [], removed: [], emptied: [], savedAt: undefined }
    for (const [path, entry] of this.#seen) {
      const before = this.#accepted.get(path)
      if (before?.hash === entry.hash) continue
      difference.changed.push(path)
      if (entry.size === 0 && before !== undefined) difference.emptied.push(path)
      difference.savedAt = Math.max(difference.savedAt ?? 0, entry.changedAt)
    }
    for (const path of this.#accepted.keys()) if (!this.#seen.has(path)) difference.removed.push(path)
    return difference
  }

  /** Takes what `compare` saw last as known. */
  accept(): void {
    this.#accepted = this.#seen
  }

  #look(): void {
    const seen = new Map<string, Entry>()
    for (const path of sourceFiles(this.#root)) {
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
      return { stamp, hash: hashOf(file), size: stats.size, changedAt: changedAt(stats), readAt }
    } catch (error) {
      // Gone between listing and reading is gone; anything else says nothing of the content.
      return systemCodeOf(error) === 'ENOENT' ? undefined : before
    }
  }
}

/** Paths of all source files under `root`, tests and what they work with left out. */
function sourceFiles(root: string, folder = ''): string[] {
  const found: string[] = []
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    if (entry.name.startsWith('.')) continue
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`
    if (entry.isDirectory()) {
      if (entry.name !== 'testing' && entry.name !== 'node_modules') found.push(...subFolder(root, path))
    } else if (entry.isFile() && isSource(entry.name)) found.push(path)
  }
  return found
}

/** A folder may go while its parent is being listed. */
function subFolder(root: string, path: string): string[] {
  try {
    return sourceFiles(root, path)
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return []
    throw error
  }
}

function isSource(name: string): boolean {
  return extensions.has(extname(name)) && !name.endsWith('.test.ts')
}

function hashOf(file: string): string {
  return createHash('sha1').update(readFileSync(file)).digest('base64')
}

/** A file moved into place keeps an old mtime; its ctime is the time of the move. */
function changedAt(stats: Stats): number {
  return Math.round(Math.max(stats.mtimeMs, stats.ctimeMs))
}
