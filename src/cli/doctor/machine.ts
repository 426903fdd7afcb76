import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statfsSync, watch, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { sharedFileSystem } from '../../lib/file-system.ts'
import type { Finding } from './finding.ts'
import { firstOf } from './finding.ts'

const gibibyte = 1_073_741_824
const probeMs = 1_000
/** What ksi itself keeps open, beside a file for each connection. */
const ownFiles = 200

export function node(): Finding {
  return { check: 'node', state: 'ok', says: `${process.version}, ${process.platform} ${process.arch}` }
}

/** Room for the journal, the logs and the responses. */
export function space(dir: string): Finding {
  const check = 'space'
  try {
    const { bavail, bsize, ffree, files } = statfsSync(dir)
    const free = bavail * bsize
    const says = `${(free / gibibyte).toFixed(1)} GiB are free`
    const mend = `df -h '${dir}'`
    return firstOf(
      { check, state: 'ok', says },
      free < gibibyte / 10 && { check, state: 'fail', says, mend },
      files > 0 && ffree < 1_000 && { check, state: 'fail', says: `only ${ffree} files can still be made`, mend },
      free < gibibyte && { check, state: 'warn', says, mend },
    )
  } catch (error) {
    return { check, state: 'skip', says: `it cannot be told (${String(error)})` }
  }
}

export function fileSystem(dir: string): Finding {
  const name = sharedFileSystem(dir)
  if (name === undefined) return { check: 'file system', state: 'ok', says: 'local: the journal can be a WAL' }
  const says = `${name}: the journal is kept in DELETE mode there, which is slower`
  return { check: 'file system', state: 'warn', says, mend: 'put var/db on a local disk, or a named volume of Docker' }
}

/** Whether changes of files are told, tried on a file, and how many folders may be watched. */
export async function inotify(root: string): Promise<Finding> {
  const check = 'watching'
  const most = numberIn('/proc/sys/fs/inotify/max_user_watches')
  const folders = foldersUnder(join(root, 'src'))
  if (!(await tellsChanges(join(root, 'var/run')))) {
    const says = 'a change of a file is not told by the system here'
    return { check, state: 'warn', says, mend: 'KSI_WATCH_POLL=on' }
  }
  const instances = numberIn('/proc/sys/fs/inotify/max_user_instances')
  const limits = `${most ?? 'any number'}, by ${instances ?? 'any number of'} programs`
  const says = `changes are told; ${folders} folders to watch of ${limits}`
  const tooFew = most !== undefined && most < folders * 2
  const mend = 'sudo sysctl fs.inotify.max_user_watches=524288'
  return firstOf({ check, state: 'ok', says }, tooFew && { check, state: 'warn', says, mend })
}

async function tellsChanges(dir: string): Promise<boolean> {
  let probe: string | undefined
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 })
    const folder = mkdtempSync(join(dir, 'doctor-'))
    probe = folder
    return await new Promise<boolean>((resolve) => {
      const watcher = watch(folder, () => done(true))
      const timer = setTimeout(() => done(false), probeMs)
      const done = (told: boolean): void => {
        clearTimeout(timer)
        watcher.close()
        resolve(told)
      }
      watcher.once('error', () => done(false))
      writeFileSync(join(folder, 'probe'), '')
    })
  } catch {
    // No place for it, or no watch to be had: the same.
    return false
  } finally {
    if (probe !== undefined) rmSync(probe, { recursive: true, force: true })
  }
}

function foldersUnder(dir: string): number {
  try {
    return 1 + readdirSync(dir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isDirectory()).length
  } catch {
    return 0
  }
}

/** Whether as many connections as are let in can be open at once. */
export function openFiles(connections: number): Finding {
  const check = 'open files'
  const text = contentOf('/proc/self/limits')
  const [, soft = ''] = /^Max open files\s+(\S+)/m.exec(text) ?? []
  if (!/^\d+$/.test(soft)) return { check, state: 'skip', says: 'no limit is told here' }
  const says = `${soft} may be open, for ${connections} connections (KSI_MAX_CONNECTIONS)`
  const tooFew = Number(soft) < connections + ownFiles
  return firstOf({ check, state: 'ok', says }, tooFew && { check, state: 'warn', says, mend: 'ulimit -n 65536' })
}

/** The accounts of this machine that people log in to. */
export function accounts(): string[] {
  return contentOf('/etc/passwd')
    .split('\n')
    .map((line) => line.split(':'))
    .filter(
      ([, , uid, , , , shell = '']) => Number(uid) >= 1_000 && Number(uid) < 60_000 && !/nologin|false$/.test(shell),
    )
    .map(([name = '']) => name)
}

function numberIn(path: string): number | undefined {
  const text = contentOf(path).trim()
  return /^\d+$/.test(text) ? Number(text) : undefined
}

function contentOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
