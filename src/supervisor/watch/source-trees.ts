import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { copyFile, link, mkdir, readdir, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { KsiError, messageOf } from '../../lib/errors.ts'
import { keptPath } from './kept-source.ts'
import type { Hashes } from '../../lib/source-hashes.ts'

/** So many changes back it is known what the files held. */
const kept = 100

/**
 * What the source was after each change, as names: the watch keeps what the files held (kept-source.ts), by hash, so
 * that a source which was live can be laid out again when the files are others. Small and bounded: what none of the
 * last changes knows is thrown away.
 */
export class SourceTrees {
  readonly #keep: string
  readonly #src: string
  readonly #trees = new Map<string, Hashes>()
  #last = 0
  #sinceSwept = 0

  /**
   * @param keep the folder for it, which is nobody else's
   * @param src the source folder
   */
  constructor(keep: string, src: string) {
    this.#keep = keep
    this.#src = src
    rmSync(join(keep, 'trees'), { recursive: true, force: true })
  }

  /** What stands for the source as it is now. */
  get newest(): string {
    return String(this.#last)
  }

  /** The source has changed to this. */
  add(hashes: Hashes): void {
    this.#trees.set(String(++this.#last), new Map(hashes))
    this.#trees.delete(String(this.#last - kept))
    if (this.#last === 1) this.#sweep()
    else if (++this.#sinceSwept >= kept) void this.#sweepLater()
  }

  /** The files in which the newest source differs from that one, as `src/…`. */
  changedSince(tree: string): string[] {
    const [now, then] = [this.#trees.get(this.newest), this.#trees.get(tree)]
    if (now === undefined || then === undefined) return []
    const changed = [...now.keys()].filter((path) => now.get(path) !== then.get(path))
    const removed = [...then.keys()].filter((path) => !now.has(path))
    return [...changed, ...removed].map((path) => this.#named(path)).sort()
  }

  /**
   * Lays that source out in a folder of its own, and gives its path. Under the project's root, so that its imports find
   * what ours do.
   * @throws KsiError KSI_NOT_FOUND when not all of it was kept
   */
  async lay(tree: string): Promise<string> {
    const hashes = this.#trees.get(tree)
    if (hashes === undefined) throw new KsiError('KSI_NOT_FOUND', 'That code is not kept any more.')
    const place = join(this.#keep, 'trees', tree)
    if (existsSync(place)) return join(place, 'src')
    const draft = `${place}.new`
    await rm(draft, { recursive: true, force: true })
    const folders = new Set([...hashes.keys()].map((path) => dirname(join(draft, 'src', path))))
    for (const folder of folders) await mkdir(folder, { recursive: true })
    for (const [path, hash] of hashes) await this.#layOne(hash, join(draft, 'src', path), path)
    // Beside the source: what it is called, and that it is made of modules.
    await copyFile(join(dirname(this.#src), 'package.json'), join(draft, 'package.json'))
    await rename(draft, place)
    return join(place, 'src')
  }

  async #layOne(hash: string, to: string, path: string): Promise<void> {
    const from = keptPath(this.#keep, hash)
    try {
      await link(from, to).catch(() => copyFile(from, to))
    } catch (error) {
      const message = `What ${this.#named(path)} held then was not kept (${messageOf(error)}).`
      throw new KsiError('KSI_NOT_FOUND', `${message} Put the files back instead, with git or your editor.`)
    }
  }

  #named(path: string): string {
    return `${basename(this.#src)}/${path}`
  }

  /** Of an earlier start there may be much that nobody knows. */
  #sweep(): void {
    mkdirSync(join(this.#keep, 'files'), { recursive: true })
    const known = this.#known()
    for (const name of readdirSync(join(this.#keep, 'files')))
      if (!known.has(name)) rmSync(join(this.#keep, 'files', name), { force: true })
  }

  async #sweepLater(): Promise<void> {
    this.#sinceSwept = 0
    const known = this.#known()
    const names = await readdir(join(this.#keep, 'files')).catch(() => [])
    for (const name of names) if (!known.has(name)) await rm(join(this.#keep, 'files', name), { force: true })
  }

  #known(): Set<string> {
    return new Set([...this.#trees.values()].flatMap((hashes) => [...hashes.values()]))
  }
}
