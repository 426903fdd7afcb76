import { readdirSync, realpathSync, statSync } from 'node:fs'
import type { Dirent } from 'node:fs'
import { extname, join } from 'node:path'
import { systemCodeOf } from './errors.ts'

/** The kinds of files that are source; editors' own files (`x~`, `.x.swp`, `4913`, `x.tmp`) are of none of these. */
export const sourceExtensions = ['ts', 'js', 'sql', 'json', 'html', 'css', 'svg'] as const

const extensions = new Set(sourceExtensions.map((extension) => `.${extension}`))

/** What lies under a source folder. Paths are relative to it, with `/`. */
export interface SourceFiles {
  /** all source files, tests and what they work with left out */
  readonly files: string[]
  /** folders that could not be read (`''` is the source folder itself), with the system's error code */
  readonly unreadable: Map<string, string>
  /** links that lead out of the folder */
  readonly links: string[]
}

/** A link of which it is not known yet where it leads. */
interface Link {
  readonly path: string
  readonly name: string
}

/**
 * Lists all source files under `root`. Links are followed, but no folder is listed twice: what a link inside leads to
 * is listed under its own name, and a link to a folder it lies in (`ln -s . src/self`) leads nowhere new. One folder
 * that cannot be read hides what is in it and nothing else.
 */
export function sourceFilesIn(root: string): SourceFiles {
  const found: SourceFiles = { files: [], unreadable: new Map(), links: [] }
  const listed = new Set<string>()
  const links: Link[] = []
  list({ root, found, listed, links }, '')
  for (let link = links.shift(); link !== undefined; link = links.shift()) follow({ root, found, listed, links }, link)
  return found
}

interface Listing {
  readonly root: string
  readonly found: SourceFiles
  /** folders, by what they are and not by what they are called */
  readonly listed: Set<string>
  readonly links: Link[]
}

function list(listing: Listing, folder: string): void {
  const { root, found, listed, links } = listing
  let entries: Dirent[]
  try {
    const { dev, ino } = statSync(join(root, folder))
    const identity = `${dev} ${ino}`
    if (listed.has(identity)) return
    listed.add(identity)
    entries = readdirSync(join(root, folder), { withFileTypes: true })
  } catch (error) {
    const code = systemCodeOf(error) ?? ''
    // A folder may go while its parent is being listed.
    if (code !== 'ENOENT' || folder === '') found.unreadable.set(folder, code)
    return
  }
  for (const entry of entries) {
    const { name } = entry
    if (name.startsWith('.') || name === 'testing' || name === 'node_modules') continue
    const path = folder === '' ? name : `${folder}/${name}`
    if (entry.isDirectory()) list(listing, path)
    else if (entry.isSymbolicLink()) links.push({ path, name })
    else if (entry.isFile() && isSource(name)) found.files.push(path)
  }
}

function follow(listing: Listing, { path, name }: Link): void {
  const { root, found } = listing
  try {
    const stats = statSync(join(root, path))
    if (!stats.isDirectory() && !(stats.isFile() && isSource(name))) return
    const [to, home] = [realpathSync(join(root, path)), realpathSync(root)]
    // To where the source folder lies in is not out of it: all the rest there is none of ours.
    if (stats.isDirectory() && `${home}/`.startsWith(`${to}/`.replace('//', '/'))) return
    const leadsOut = !`${to}/`.startsWith(`${home}/`)
    if (leadsOut) found.links.push(path)
    if (stats.isFile()) found.files.push(path)
    else if (leadsOut) list(listing, path)
  } catch {
    // It leads nowhere, or in a circle.
  }
}

function isSource(name: string): boolean {
  return extensions.has(extname(name)) && !name.endsWith('.test.ts')
}
