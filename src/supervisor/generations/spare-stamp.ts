import { statSync } from 'node:fs'
import { join } from 'node:path'
import type { Settings } from '../../contracts/settings.ts'

/** Stands for what a spare has already loaded: its own files and the dependencies. */
export function stampOf({ src, root }: Settings['paths']): string {
  const files = [
    join(src, 'daemon/main.ts'),
    join(src, 'daemon/warm-up.ts'),
    join(src, 'lib/preload.ts'),
    join(root, 'node_modules/.package-lock.json'),
  ]
  return files.map(mtimeOf).join(' ')
}

function mtimeOf(path: string): number {
  try {
    return statSync(path).mtimeMs
  } catch {
    return 0
  }
}
