import { existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { systemCodeOf } from '../../lib/errors.ts'
import { hashOf } from '../../lib/source-hashes.ts'

/** A file above this is no source anybody writes: it is not kept, and what had it cannot be gone back to. */
const maxBytes = 4 * 1_048_576

/** Where what a file held is kept. */
export function keptPath(keep: string, hash: string): string {
  return join(keep, 'files', hash)
}

/**
 * Keeps what these files hold, under their hashes, so that code that was live can be gone back to when the files are
 * others. What has changed again meanwhile is not kept, and the disk being full is no reason to stop watching.
 */
export function keepContent(
  keep: string,
  root: string,
  files: readonly (readonly [path: string, hash: string])[],
): void {
  try {
    mkdirSync(join(keep, 'files'), { recursive: true })
    for (const [path, hash] of files) keepOne(keptPath(keep, hash), join(root, path), hash)
  } catch (error) {
    process.stderr.write(`the source cannot be kept for a roll-back: ${String(error)}\n`)
  }
}

function keepOne(kept: string, file: string, hash: string): void {
  if (existsSync(kept)) return
  try {
    if (statSync(file).size > maxBytes) return
    const content = readFileSync(file)
    if (hashOf(content) !== hash) return
    writeFileSync(`${kept}.new`, content)
    renameSync(`${kept}.new`, kept)
  } catch (error) {
    if (systemCodeOf(error) !== 'ENOENT' && systemCodeOf(error) !== 'EACCES') throw error
  }
}
