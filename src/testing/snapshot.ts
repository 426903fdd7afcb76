import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** The files under a folder as they were. */
export interface Snapshot {
  /** Writes back what differs and removes what is new. */
  restore(): void
}

/** Takes a snapshot of all files under `folder`. */
export function snapshotOf(folder: string): Snapshot {
  const files = read(folder)
  return {
    restore() {
      const present = read(folder)
      for (const [path, text] of files) {
        if (present.get(path)?.equals(text) === true) continue
        mkdirSync(dirname(path), { recursive: true })
        writeFileSync(path, text)
      }
      for (const path of present.keys()) if (!files.has(path)) rmSync(path)
    },
  }
}

function read(folder: string): Map<string, Buffer> {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  return new Map(entries.map(({ parentPath, name }) => [join(parentPath, name), readFileSync(join(parentPath, name))]))
}
