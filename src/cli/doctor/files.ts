import { accessSync, closeSync, constants, openSync, readSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { messageOf } from '../../lib/errors.ts'
import { checkSocketPath } from '../../lib/socket-path.ts'
import type { Finding } from './finding.ts'

const folders = ['var', 'var/db', 'var/logs', 'var/run', 'var/secret', 'var/reading']

/** Whose the folders of a root are, and who else gets to see them. */
export function permissions(root: string): Finding {
  const check = 'permissions'
  const there = folders
    .map((folder) => ({ folder, stats: statSync(join(root, folder), { throwIfNoEntry: false }) }))
    .flatMap(({ folder, stats }) => (stats === undefined ? [] : [{ folder, stats }]))
  if (there.length === 0) return { check, state: 'skip', says: 'there is no var yet: the first start makes it' }
  const uid = process.getuid?.()
  const foreign = there.find(({ stats }) => uid !== undefined && uid !== 0 && stats.uid !== uid)
  if (foreign !== undefined)
    return {
      check,
      state: 'fail',
      says: `${foreign.folder} is user ${foreign.stats.uid}'s, and you are user ${uid}`,
      mend: `sudo chown -R ${uid} '${join(root, 'var')}'`,
    }
  const shut = there.find(({ folder }) => !isWritable(join(root, folder)))
  if (shut !== undefined)
    return {
      check,
      state: 'fail',
      says: `${shut.folder} cannot be written`,
      mend: `chmod u+rwx '${join(root, shut.folder)}'`,
    }
  const open = there.find(({ stats }) => (stats.mode & 0o077) !== 0)
  if (open !== undefined)
    return {
      check,
      state: 'warn',
      says: `${open.folder} can be looked into by others`,
      mend: `chmod go-rwx '${join(root, open.folder)}'`,
    }
  return { check, state: 'ok', says: 'var is yours alone' }
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK)
    return true
  } catch {
    return false
  }
}

export function socketPath(path: string): Finding {
  const check = 'socket'
  try {
    checkSocketPath(path)
    return { check, state: 'ok', says: path }
  } catch (error) {
    return { check, state: 'fail', says: messageOf(error), mend: 'a shorter path for the folder of ksi' }
  }
}

/** The journal's file: whether its schema is one this code knows, and how SQLite keeps it. */
export function journal(path: string, root: string): Finding {
  const check = 'journal'
  try {
    const header = headerOf(path)
    if (header === undefined) return { check, state: 'skip', says: `there is none yet at ${path}` }
    if (header.toString('latin1', 0, 15) !== 'SQLite format 3')
      return { check, state: 'fail', says: `${path} is no database: the next start moves it aside`, mend: 'ksi start' }
    const version = header.readUInt32BE(60)
    const known = readdirSync(join(root, 'src/store/migrations')).filter((file) => /^\d{4}_.*\.sql$/.test(file)).length
    const mode = header[18] === 2 ? 'WAL' : 'DELETE'
    // What a new journal is made of stands in its WAL until that is folded in for the first time.
    const schema = version === 0 && mode === 'WAL' ? 'its schema is in the WAL' : `schema ${version} of ${known}`
    const says = `${path}, ${schema}, ${mode} mode`
    if (version > known)
      return {
        check,
        state: 'fail',
        says,
        mend: 'git pull: newer code has written it, and this one leaves it untouched',
      }
    return { check, state: 'ok', says }
  } catch (error) {
    return { check, state: 'fail', says: messageOf(error), mend: `ls -l '${path}'` }
  }
}

function headerOf(path: string): Buffer | undefined {
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return undefined
  const fd = openSync(path, 'r')
  try {
    const header = Buffer.alloc(100)
    readSync(fd, header, 0, header.length, 0)
    return header
  } finally {
    closeSync(fd)
  }
}
