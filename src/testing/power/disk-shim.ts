import fs from 'node:fs'
import { createRequire, syncBuiltinESMExports } from 'node:module'
import { basename, join } from 'node:path'

/*
 * A disk that loses its power, for `--import` in every process of ksi: `KSI_TEST_DISK` names a folder, into which goes
 * what a sync has made safe, as it was when the sync was asked for, and before anybody hears that it is done. So there
 * is never more in it than what a power cut leaves. Whatever was never synced is not there.
 */

const disk = process.env['KSI_TEST_DISK'] ?? ''
const journal = `${process.env['KSI_ROOT'] ?? ''}/var/db/dev_checkpoint.db`
const responses = `${process.env['KSI_ROOT'] ?? ''}/var/logs/responses/`
const paths = new Map<number, string>()
const { openSync, fdatasync, fdatasyncSync, readFileSync, copyFileSync, renameSync, mkdirSync, existsSync } = fs
let copies = 0

/** What the disk has of the file once a sync that is asked for now has ended. @returns makes it so */
function imageOf(path: string): () => void {
  const isJournal = path === `${journal}-wal`
  if (!isJournal && !path.startsWith(responses)) return () => {}
  const image = join(disk, `.${process.pid}-${++copies}`)
  if (!isJournal) {
    copyFileSync(path, image)
    return () => renameSync(image, join(disk, basename(path)))
  }
  // SQLite itself changes the journal's file only within a call, and syncs it before that ends.
  mkdirSync(image)
  for (const file of [journal, path]) if (existsSync(file)) copyFileSync(file, join(image, basename(file)))
  // By the clock that all processes share: a generation goes on where another has stopped.
  return () => renameSync(image, join(disk, `journal-${String(process.hrtime.bigint()).padStart(20, '0')}`))
}

fs.openSync = (...args) => {
  const fd = openSync(...args)
  paths.set(fd, String(args[0]))
  return fd
}
fs.fdatasync = Object.assign((fd: number, done: fs.NoParamCallback) => {
  const reached = imageOf(paths.get(fd) ?? '')
  fdatasync(fd, (error) => {
    if (error === null) reached()
    done(error)
  })
}, fdatasync)
fs.fdatasyncSync = (fd) => {
  const reached = imageOf(paths.get(fd) ?? '')
  fdatasyncSync(fd)
  reached()
}
const { open } = fs.promises
fs.promises.open = async (...args) => {
  const handle = await open(...args)
  const datasync = handle.datasync.bind(handle)
  handle.datasync = async () => {
    const reached = imageOf(String(args[0]))
    await datasync()
    reached()
  }
  return handle
}
// After a power cut the machine has started anew.
const read: (...args: Parameters<typeof readFileSync>) => ReturnType<typeof readFileSync> = readFileSync
Object.assign(fs, {
  readFileSync: (...args: Parameters<typeof readFileSync>) =>
    args[0] === '/proc/sys/kernel/random/boot_id' ? String(process.env['KSI_TEST_BOOT']) : read(...args),
})
syncBuiltinESMExports()

/** The store's library, as far as it is needed here. */
interface Sqlite {
  prototype: { pragma: (this: { readonly: boolean }, text: string, ...more: unknown[]) => unknown }
}

// When the WAL is folded in, SQLite syncs by itself.
if (process.argv[1]?.endsWith('/daemon/main.ts') === true) {
  const { prototype } = createRequire(import.meta.url)('better-sqlite3') as Sqlite
  const { pragma } = prototype
  prototype.pragma = function (text, ...more) {
    const result = pragma.call(this, text, ...more)
    if (text.startsWith('wal_checkpoint')) imageOf(`${journal}-wal`)()
    return result
  }
}
