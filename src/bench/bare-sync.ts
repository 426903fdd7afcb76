import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** What a page of the journal costs to write: ms of 4 KB appended and synced, `count` times, on the same disk. */
export function measureBareSync(count: number): number[] {
  const folder = mkdtempSync(join(tmpdir(), 'ksi-sync-'))
  const file = openSync(join(folder, 'file'), 'a')
  const page = Buffer.alloc(4_096, 1)
  const times = Array.from({ length: count }, () => {
    const begun = performance.now()
    writeSync(file, page)
    fdatasyncSync(file)
    return performance.now() - begun
  })
  closeSync(file)
  rmSync(folder, { recursive: true })
  return times
}
