/*
 * A runner's process. Like a generation's it starts as a spare: dependencies imported, type stripping warm, our own
 * code imported ahead of time (lib/preload.ts). A save then costs only the import of what it changes. So nothing of
 * ours but the spare's own may be imported statically here, types aside: it would be the code of before the save.
 */
import { flushCompileCache, stripTypeScriptTypes } from 'node:module'
import type { FromRunner, ToRunner } from '../contracts/control.ts'
import { Preload } from '../lib/preload.ts'

/** What any version of our code needs. */
const dependencies = ['zod', 'pino', 'node:crypto', 'node:fs', 'node:net', 'node:path', 'node:child_process']

process.umask(0o077)
// Ctrl-C in a terminal reaches every process of the group; the host decides when a runner ends.
process.on('SIGINT', () => {})

const preload = new Preload(new URL('../../', import.meta.url).href)
let begun = false

async function importOurs(): Promise<void> {
  const ours = await import('./serve.ts')
  await ours.importProviders(process.env)
}

async function begin(): Promise<void> {
  begun = true
  try {
    await preload.refresh()
    const { serve } = await import('./serve.ts')
    await serve(process.env)
  } catch (error) {
    process.stderr.write(`The runner could not start: ${error instanceof Error ? error.message : String(error)}\n`)
    process.exit(1)
  }
}

process.on('message', ({ type }: ToRunner) => {
  if (begun) return
  if (type === 'begin') void begin()
  else if (type === 'end') process.exit(0)
})
process.on('disconnect', () => {
  if (!begun) process.exit(0)
})

for (const name of dependencies) await import(name)
stripTypeScriptTypes('const warm: number = 1')
process.send?.({ type: 'spare' } satisfies FromRunner)
if (!begun) await preload.begin(importOurs)
// What was compiled helps the next one, and what all that has taken is given back, since a spare may wait for days; one
// that has work to do has no time for it.
if (!begun) flushCompileCache()
if (!begun) globalThis.gc?.({ type: 'major', flavor: 'last-resort', execution: 'sync' })
