import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { messageOf } from '../lib/errors.ts'

const pageMs = 5_000

/** Writes what `read` finds into a file of a folder; where nothing can be found, why. */
export async function noteDown(folder: string, name: string, read: () => Promise<string>): Promise<void> {
  const text = await read().catch((error: unknown) => `(not to be had: ${messageOf(error)})\n`)
  mkdirSync(dirname(join(folder, name)), { recursive: true })
  if (text !== '') writeFileSync(join(folder, name), text)
}

/** The sidecar's document, as it answers on a port of this machine. */
export async function savePage(port: number): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}/status`, { signal: AbortSignal.timeout(pageMs) })
  return response.text()
}
