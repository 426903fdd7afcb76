import { closeSync, existsSync, fsyncSync, lstatSync, mkdirSync, openSync, renameSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Db } from './open.ts'

/*
 * A journal whose file was removed or replaced while it was open is still whole: what is open stays readable until it
 * is closed. It is copied from there, and the copy put in the place of whatever lies there by now.
 */

/** Pages copied in one turn of the event loop: a few ms. */
const pagesAtOnce = 1_000

const carriedPath = (path: string): string => `${path}.carried`

/**
 * Copies an open journal beside the place it was opened in, whole and on disk. What is committed by the same connection
 * meanwhile, up to the end, is in the copy.
 * @throws the system's or SQLite's own error; then nothing is left
 */
export async function copyAside(db: Db, path: string): Promise<void> {
  const draft = `${path}.carrying`
  mkdirSync(dirname(path), { recursive: true })
  try {
    removeAll(draft)
    await db.backup(draft, { progress: () => pagesAtOnce })
    syncPath(draft)
    renameSync(draft, carriedPath(path))
    syncPath(dirname(path))
  } catch (error) {
    quietly(() => removeAll(draft))
    throw error
  }
}

/** The same at once, where nobody else can run meanwhile. @throws the system's or SQLite's own error */
export function copyWhole(db: Db, path: string): void {
  const draft = `${path}.carrying`
  removeAll(draft)
  db.prepare('VACUUM INTO ?').run(draft)
  syncPath(draft)
  renameSync(draft, carriedPath(path))
}

/** Puts a copy that was made in the journal's place, and moves aside what lies there. @returns false: there is none */
export function putInPlace(path: string, now: number): boolean {
  if (!existsSync(carriedPath(path))) return false
  moveAside(path, `displaced-${new Date(now).toISOString().replaceAll(/[:.]/g, '-')}`)
  replaceBy(path, carriedPath(path))
  return true
}

/** Puts a whole file in a journal's place, where nothing lies any more. */
export function replaceBy(path: string, whole: string): void {
  renameSync(whole, path)
  syncPath(dirname(path))
}

/** The copy is not to be used. */
export function dropCopy(path: string): void {
  quietly(() => removeAll(carriedPath(path)))
}

/** Moves a journal with all that belongs to it to another name: never deleted. */
export function moveAside(path: string, mark: string): string {
  const aside = `${path}.${mark}`
  // The WAL first: alone it says nothing, and beside another file it would be taken for that one's.
  for (const suffix of ['-wal', '-shm', '-journal', ''])
    if (lstatSync(path + suffix, { throwIfNoEntry: false }) !== undefined) renameSync(path + suffix, aside + suffix)
  return aside
}

function removeAll(path: string): void {
  for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(path + suffix, { force: true })
}

function syncPath(path: string): void {
  const fd = openSync(path, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

function quietly(work: () => void): void {
  try {
    work()
  } catch {
    // It is tried again, and said then.
  }
}
