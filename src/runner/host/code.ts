import { createHash } from 'node:crypto'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

/** What a runner's code is made of, besides its packages. */
const folders = ['runner', 'contracts', 'lib']
/** The host's own files. */
export const ofHost = /^src\/runner\/host[./]/

/** Our code as it is on disk, by content: what a runner loads, and the host itself, which is not reloaded. */
export interface Code {
  readonly runner: ReadonlyMap<string, string>
  readonly host: ReadonlyMap<string, string>
}

/** Reads it. @throws the system's own error when it cannot be read */
export function readCode(src: string): Code {
  const runner = new Map<string, string>()
  const host = new Map<string, string>()
  for (const folder of folders)
    for (const file of readdirSync(join(src, folder), { recursive: true, encoding: 'utf8' })) {
      if (!/\.(ts|js|json)$/.test(file) || /\.test\.ts$|(^|\/)testing\//.test(file)) continue
      const path = `src/${folder}/${file}`
      const hash = createHash('sha1').update(readFileSync(join(src, folder, file)))
      ;(ofHost.test(path) ? host : runner).set(path, hash.digest('base64'))
    }
  return { runner, host }
}

/** The files of either that are not the same in the other. */
export function changedFiles(before: ReadonlyMap<string, string>, now: ReadonlyMap<string, string>): string[] {
  const all = new Set([...before.keys(), ...now.keys()])
  return [...all].filter((file) => before.get(file) !== now.get(file)).sort()
}
