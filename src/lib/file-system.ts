import { statfsSync } from 'node:fs'

/**
 * File systems on which SQLite's WAL is known to break, by the magic number of statfs(2): FUSE stands for virtiofs and
 * Docker Desktop's shares, too.
 */
const shared = new Map([
  [0x01021997, '9p'],
  [0x65735546, 'FUSE'],
  [0x6a656a63, 'virtiofs'],
  [0x6969, 'NFS'],
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'SMB2'],
])

/** The name of the shared file system a folder lies on; undefined for a local one, and where that cannot be told. */
export function sharedFileSystem(dir: string): string | undefined {
  try {
    return shared.get(statfsSync(dir).type >>> 0)
  } catch {
    // No statfs here (Windows): local disks are the rule.
    return undefined
  }
}
