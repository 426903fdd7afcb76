import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Settings } from '../contracts/settings.ts'
import { lockInstance } from '../store/instance-lock.ts'

/** The folders this ksi works in, and that no other does. */
export interface Place {
  /** KSI's own clients look into this file whether a daemon lives: the pid stays the same over all generations. */
  writePidFile(): void
  /**
   * Makes what was removed of it again: folders, locks, the pid file.
   * @throws KsiError KSI_INSTANCE_RUNNING when another ksi has taken the place meanwhile; the system's own errors
   */
  keep(): void
  release(): void
}

/** Takes the place. @throws KsiError KSI_INSTANCE_RUNNING, KSI_DB_NOT_WRITABLE */
export function takePlace({ paths, keepsState }: Settings): Place {
  mkdirSync(paths.run, { recursive: true })
  const lock = lockInstance([join(paths.run, 'daemon.lock'), `${paths.journal}.lock`])
  if (!keepsState) for (const suffix of ['', '-wal', '-shm']) rmSync(paths.journal + suffix, { force: true })
  let isWritten = false
  const writePidFile = (): void => {
    mkdirSync(dirname(paths.pidFile), { recursive: true })
    writeFileSync(`${paths.pidFile}.new`, `${process.pid}\n`)
    renameSync(`${paths.pidFile}.new`, paths.pidFile)
    isWritten = true
  }
  return {
    writePidFile,
    keep() {
      // First of all: whoever holds these may do everything else.
      lock.keep()
      if (isWritten && !existsSync(paths.pidFile)) writePidFile()
    },
    release() {
      isWritten = false
      rmSync(paths.pidFile, { force: true })
      lock.release()
    },
  }
}
