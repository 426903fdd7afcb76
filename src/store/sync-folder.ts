import { closeSync, fsyncSync, openSync } from 'node:fs'

/** Syncs the names of a folder's files. A system that cannot (Windows) sees to that itself. */
export function syncFolder(path: string): void {
  let fd: number | undefined
  try {
    fd = openSync(path, 'r')
    fsyncSync(fd)
  } catch {
    // What is in the files counts as synced or not without this.
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
}
