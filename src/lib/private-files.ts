import { chmodSync, lstatSync, mkdirSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { KsiError, messageOf, systemCodeOf } from './errors.ts'

/** All that a file made from now on lets others do: nothing. */
export const privateUmask = 0o077

/**
 * Makes sure that the folders are there and that nobody but their owner gets at them or at what is in them. Files made
 * before get the same; where a folder is private already, nobody else could ever reach what is in it. What belongs to
 * somebody else stays as it is.
 * @throws KsiError KSI_DB_NOT_WRITABLE when a folder cannot be made or read
 */
export function makePrivate(folders: readonly string[]): void {
  for (const folder of folders) {
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 })
      // A folder may be a link to where there is more room; what is in it may not lead us elsewhere.
      if (closeToOthers(folder, statSync(folder))) closeContent(folder)
    } catch (error) {
      const advice = 'Give the user of this process write access to it.'
      const message = `${folder} cannot be written (${messageOf(error)}). ${advice}`
      throw new KsiError('KSI_DB_NOT_WRITABLE', message, { cause: error })
    }
  }
}

function closeContent(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    try {
      if (entry.isSymbolicLink()) continue
      if (closeToOthers(path, lstatSync(path)) && entry.isDirectory()) closeContent(path)
    } catch (error) {
      // A socket or a draft that has just gone.
      if (systemCodeOf(error) !== 'ENOENT') throw error
    }
  }
}

/** @returns true when there was something to close */
function closeToOthers(path: string, { mode, uid }: { mode: number; uid: number }): boolean {
  if ((mode & privateUmask) === 0 || uid !== process.geteuid?.()) return false
  try {
    chmodSync(path, mode & 0o700)
    return true
  } catch (error) {
    // A file system without modes of its own (a share, a read-only mount): there is nothing to be had here.
    if (/^(EPERM|EROFS|ENOTSUP|EOPNOTSUPP|EINVAL)$/.test(systemCodeOf(error) ?? '')) return false
    throw error
  }
}
