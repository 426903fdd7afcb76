import { chmodSync, copyFileSync, mkdirSync, readdirSync, realpathSync, statSync } from 'node:fs'
import { join, sep } from 'node:path'

/** What a running ksi has no use for. */
const notCopied = /^src\/(scenarios|testing|bench)$|\.test\.ts$/

/** What Compose needs beside the source. */
const stackFiles = ['compose.yaml', 'Dockerfile.dev', '.dockerignore', '.npmrc', 'package-lock.json', 'tsconfig.json']

/**
 * Copies the source of a checkout, as it lies there, into a folder that is there already. Owner and modes are those of
 * something new: the source may be read-only, or readable for its owner alone.
 */
export function copySource(from: string, to: string): void {
  for (const name of ['src', 'package.json']) copy({ from, to }, name, [])
}

/** The same, of what Compose needs to build it. */
export function copyStackFiles(from: string, to: string): void {
  for (const name of stackFiles) copy({ from, to }, name, [])
}

/** @param above the folders it is in, as they are called without links: one that leads back up has no end */
function copy(roots: { from: string; to: string }, name: string, above: readonly string[]): void {
  const [from, to] = [join(roots.from, name), join(roots.to, name)]
  // Some editors leave links to nowhere beside a file that is open.
  const stat = statSync(from, { throwIfNoEntry: false })
  if (stat === undefined || notCopied.test(name.replaceAll(sep, '/'))) return
  if (stat.isFile()) {
    copyFileSync(from, to)
    chmodSync(to, stat.mode & 0o100 ? 0o755 : 0o644)
  }
  if (!stat.isDirectory()) return
  const real = realpathSync(from)
  if (above.includes(real)) return
  mkdirSync(to)
  chmodSync(to, 0o755)
  for (const entry of readdirSync(from)) copy(roots, join(name, entry), [...above, real])
}
