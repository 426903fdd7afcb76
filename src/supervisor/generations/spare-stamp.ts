import { statSync } from 'node:fs'
import { join } from 'node:path'
import type { Settings } from '../../contracts/settings.ts'

/** Stands for what a spare has already loaded: its own files and the dependencies. */
export function stampOf({ src, root }: Settings['paths']): string {
  const files = [join(src, 'daemon/main.ts'), join(src, 'daemon/warm-up.ts'), join(src, 'lib/preload.ts')]
  return [...files.map(mtimeOf), installedAt(join(root, 'node_modules/.package-lock.json'))].join(' ')
}

const installed = new Map<string, number>()

/** While `npm ci` is under way there is none: whoever has imported the ones before is of use then, and nobody else. */
function installedAt(lock: string): number {
  const at = mtimeOf(lock)
  if (at !== 0) installed.set(lock, at)
  return installed.get(lock) ?? 0
}

function mtimeOf(path: string): number {
  try {
    return statSync(path).mtimeMs
  } catch {
    return 0
  }
}
