import { statSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { fileURLToPath } from 'node:url'

/*
 * A spare imports our code while it waits, as it is on disk then; when it is wanted it imports anew only what has
 * changed since, and what depends on that. So a save costs the import of few files, however many there are. Part of the
 * spare like its main.ts, of the daemon's and of the runner's: nothing of ours may be imported here.
 */

/** Files and links change at most this often, in ms, without a change of their time stamps. */
const coarseMs = 50
/** Makes a file another module than the one that was imported under its plain name. */
const anew = '?anew'

/** A file of ours that was imported. */
interface Imported {
  /** Changes whenever the file may have changed; undefined for one that may have changed while it was read. */
  readonly stamp: string | undefined
  /** Who imports it, by their URLs. */
  readonly importers: Set<string>
}

/** What this process has imported of our code, and whether it is still what is on disk. */
export class Preload {
  readonly #ours: string
  readonly #imported = new Map<string, Imported>()
  readonly #stale = new Set<string>()
  #loading: Promise<unknown> | undefined
  #failed = false

  /** @param ours begins the URL of every file that may change while the process waits */
  constructor(ours: string) {
    this.#ours = ours
    registerHooks({
      resolve: (specifier, context, next) => {
        const resolved = next(specifier, context)
        if (!this.#isOurs(resolved.url)) return resolved
        this.#note(resolved.url, context.parentURL)
        return this.#stale.has(resolved.url) ? { ...resolved, url: `${resolved.url}${anew}` } : resolved
      },
    })
  }

  /** Imports ahead of time; what cannot be imported now is tried anew when it is wanted. */
  async begin(load: () => Promise<unknown>): Promise<void> {
    this.#loading = load().catch(() => {
      this.#failed = true
    })
    await this.#loading
  }

  /** Everything imported from now on is what is on disk now. */
  async refresh(): Promise<void> {
    if (this.#loading === undefined) return
    await this.#loading
    for (const [url, { stamp }] of this.#imported)
      if (this.#failed || stamp === undefined || stamp !== stampOf(url)) this.#spoil(url)
  }

  /** It, and whatever was made with it. */
  #spoil(url: string): void {
    if (this.#stale.has(url)) return
    this.#stale.add(url)
    for (const importer of this.#imported.get(url)?.importers ?? []) this.#spoil(importer)
  }

  #isOurs(url: string): boolean {
    return url.startsWith(this.#ours) && !url.includes('/node_modules/')
  }

  #note(url: string, parent: string | undefined): void {
    const known = this.#imported.get(url) ?? { stamp: stampOf(url), importers: new Set<string>() }
    this.#imported.set(url, known)
    if (parent !== undefined) known.importers.add(parent.replace(anew, ''))
  }
}

function stampOf(url: string): string | undefined {
  try {
    const { ino, size, mtimeMs, ctimeMs } = statSync(fileURLToPath(url))
    return Date.now() - Math.max(mtimeMs, ctimeMs) < coarseMs ? undefined : `${ino} ${size} ${mtimeMs} ${ctimeMs}`
  } catch {
    return undefined
  }
}
