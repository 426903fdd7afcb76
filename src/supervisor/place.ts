import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Settings } from '../contracts/settings.ts'
import { lockInstance } from '../store/instance-lock.ts'

/** The folders this ksi works in, and that no other does. */
export interface Place {
  /** KSI's own clients look into this file whether a daemon lives: the pid stays the same over all generations. */
  writePidFile(): void
  release(): void
}

/** Takes the place. @throws KsiError KSI_INSTANCE_RUNNING, KSI_DB_NOT_WRITABLE */
export function takePlace({ paths, keepsState }: Settings): Place {
  mkdirSync(paths.run, { recursive: true })
  const lock = lockInstance([join(paths.run, 'daemon.lock'), `${paths.journal}.lock`])
  if (!keepsState) for (const suffix of ['', '-wal', '-shm']) rmSync(paths.journal + suffix, { force: true })
  return {
    writePidFile() {
      mkdirSync(dirname(paths.pidFile), { recursive: true })
      writeFileSync(`${paths.pidFile}.new`, `${process.pid}\n`)
      renameSync(`${paths.pidFile}.new`, paths.pidFile)
    },
    release() {
      rmSync(paths.pidFile, { force: true })
      lock.release()
    },
  }
}
