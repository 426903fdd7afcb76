import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const home = resolve(import.meta.dirname, '../..')

function git(...args: string[]): string {
  return execFileSync('git', ['-C', home, ...args], { encoding: 'utf8', stdio: 'pipe' }).trim()
}

/**
 * The commit before this one, or `first` where that is older. @returns why there is none to be had: a shallow clone, no
 * repository
 */
export function commitBefore(first: string): { commit: string } | { reason: string } {
  try {
    git('cat-file', '-e', `${first}^{commit}`)
    const before = git('rev-parse', 'HEAD~1')
    const isOlder = git('merge-base', first, before) !== first
    return { commit: isOlder ? first : before }
  } catch (error) {
    const words = error instanceof Error ? (error.message.split('\n')[1] ?? error.message) : String(error)
    return { reason: `no earlier commit to be had, as in a shallow clone or outside a repository (${words})` }
  }
}

/** A checkout of a commit, with this one's dependencies. The caller disposes of it. */
export function checkOut(commit: string): { root: string } & Disposable {
  const root = mkdtempSync(join(tmpdir(), 'ksi-earlier-'))
  const archive = execFileSync('git', ['-C', home, 'archive', commit, 'src', 'package.json'], { maxBuffer: 2 ** 28 })
  execFileSync('tar', ['-x', '-C', root], { input: archive })
  symlinkSync(join(home, 'node_modules'), join(root, 'node_modules'))
  return { root, [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }) }
}
