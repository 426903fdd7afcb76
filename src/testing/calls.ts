import { existsSync, readFileSync } from 'node:fs'
import type { Project } from './project.ts'

/** Where the far end of the provider notes who called, in a folder that outlives every process and container. */
const file = 'var/run/runner/calls.log'

/** Has the echo provider's far end write down each call it gets: what counts as a call, whoever made it. */
export function noteCalls(project: Project): void {
  project.edit('src/runner/providers/echo.ts', (text) => {
    const note = [
      "const { appendFileSync, mkdirSync } = await import('node:fs')",
      "const folder = process.env['KSI_ROOT'] + '/var/run/runner'",
      'mkdirSync(folder, { recursive: true })',
      "appendFileSync(folder + '/calls.log', input.request_id + '\\n')",
    ].join('\n')
    const edited = text.replace(/(async function run\(input: RunInput, [^{]*\{\n)/, `$1${note}\n`)
    if (edited === text) throw new Error('the far end is no longer found in the echo provider')
    return edited
  })
}

/** How often each request was called, as noted so far. */
export function countCalls(noted: string): Map<string, number> {
  const calls = new Map<string, number>()
  for (const id of noted.split('\n').filter(Boolean)) calls.set(id, (calls.get(id) ?? 0) + 1)
  return calls
}

/** The same, of a project on this machine. */
export function callsOf(project: Project): Map<string, number> {
  return existsSync(project.path(file)) ? countCalls(readFileSync(project.path(file), 'utf8')) : new Map()
}
