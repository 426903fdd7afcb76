import { messageOf } from '../lib/errors.ts'
import { runProgram } from './run-program.ts'

const askMs = 20_000
const removeMs = 60_000

/** What carries a Compose project's label. Images last: containers hold them. */
const kinds = [
  { what: 'containers', list: ['ps', '--all', '--quiet', '--no-trunc'], remove: ['rm', '--force', '--volumes'] },
  { what: 'networks', list: ['network', 'ls', '--quiet'], remove: ['network', 'rm'] },
  { what: 'volumes', list: ['volume', 'ls', '--quiet'], remove: ['volume', 'rm', '--force'] },
  { what: 'images', list: ['image', 'ls', '--quiet', '--no-trunc'], remove: ['image', 'rm', '--force'] },
] as const

const projectLabel = 'com.docker.compose.project'

/** Why there is no engine to work with, in words; undefined when there is one. */
export async function noEngine(): Promise<string | undefined> {
  try {
    await runProgram('docker', ['version', '--format', '{{.Server.Version}}'], { timeoutMs: askMs })
    await runProgram('docker', ['compose', 'version'], { timeoutMs: askMs })
    return undefined
  } catch (error) {
    return messageOf(error).replaceAll(/\s+/g, ' ').slice(0, 300)
  }
}

/** Containers, volumes and the like that carry a Compose project's label, by kind. @throws Error of Docker */
export async function partsOf(project: string, only?: 'containers'): Promise<{ what: string; ids: string[] }[]> {
  const found: { what: string; ids: string[] }[] = []
  for (const { what, list } of kinds) {
    if (only !== undefined && what !== only) continue
    const args = [...list, '--filter', `label=${projectLabel}=${project}`]
    const ids = new Set((await runProgram('docker', args, { timeoutMs: askMs })).split('\n').filter(Boolean))
    if (ids.size > 0) found.push({ what, ids: [...ids] })
  }
  return found
}

/**
 * Removes all that carries a Compose project's label: also where neither its file nor its folder is there any more.
 * @returns what is still there, in words
 */
export async function removeProject(project: string): Promise<string[]> {
  const problems: string[] = []
  for (const { what, remove } of kinds)
    try {
      const ids = (await partsOf(project)).find((part) => part.what === what)?.ids ?? []
      if (ids.length > 0) await runProgram('docker', [...remove, ...ids], { timeoutMs: removeMs })
    } catch (error) {
      problems.push(messageOf(error).split('\n')[0] ?? '')
    }
  try {
    const left = await partsOf(project)
    return left.map(({ what, ids }) => `${ids.length} ${what} of ${project}: ${problems.join('; ')}`)
  } catch (error) {
    return [`what Docker holds of ${project}: ${messageOf(error).split('\n')[0] ?? ''}`]
  }
}

/** The Compose projects whose names begin so, of which there are containers or volumes. @throws Error of Docker */
export async function projectsNamed(prefix: string): Promise<string[]> {
  const format = `{{.Label "${projectLabel}"}}`
  const names: string[] = []
  for (const list of [
    ['ps', '--all'],
    ['volume', 'ls'],
  ])
    names.push(
      ...(
        await runProgram('docker', [...list, '--filter', `label=${projectLabel}`, '--format', format], {
          timeoutMs: askMs,
        })
      ).split('\n'),
    )
  return [...new Set(names)].filter((name) => name.startsWith(prefix)).sort()
}
