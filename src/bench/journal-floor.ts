import { closeSync, fdatasyncSync, openSync } from 'node:fs'
import { fdatasync } from 'node:fs'
import { promisify } from 'node:util'
import { median } from '../lib/statistics.ts'
import { openForWriting } from '../store/open.ts'
import { watchWal } from './wal-watch.ts'

const sync = promisify(fdatasync)

/** What SQLite itself takes for rows as large as those of a request, with nothing around them. */
export async function measureFloor(path: string): Promise<{ syncMs: number; rowsPerSecond: number; walBytes: number }> {
  const { db } = openForWriting(path)
  db.exec('CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT UNIQUE, data TEXT)')
  const insert = db.prepare('INSERT INTO t (name, data) VALUES (?, ?)')
  // A request from its line to its outcome: itself, its content, its result, three events, a run, a reply.
  const data = 'x'.repeat(1_800)
  let n = 0
  const one = (): unknown => insert.run(`request ${n++}`, data)
  const fd = openSync(`${path}-wal`, 'r')
  const syncs: number[] = []
  for (let i = 0; i < 600; i++) {
    const begun = performance.now()
    one()
    await sync(fd)
    syncs.push(performance.now() - begun)
  }
  const wal = watchWal(path)
  const many = db.transaction(() => {
    for (let i = 0; i < 100; i++) one()
  })
  const begun = performance.now()
  const batches = 100
  for (let i = 0; i < batches; i++) {
    many()
    fdatasyncSync(fd)
    wal.look()
  }
  const seconds = (performance.now() - begun) / 1_000
  const { bytes } = wal.stop()
  closeSync(fd)
  db.close()
  return {
    syncMs: median(syncs.slice(100)),
    rowsPerSecond: (batches * 100) / seconds,
    walBytes: bytes / (batches * 100),
  }
}
