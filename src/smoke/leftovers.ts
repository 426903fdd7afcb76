import { rmSync } from 'node:fs'
import { messageOf } from '../lib/errors.ts'
import { projectsNamed, removeProject } from './docker.ts'
import { killAll, processesUnder } from './processes.ts'
import type { Kind } from './stage.ts'
import { findLeftovers, isHere, namePrefix } from './workplace.ts'

/**
 * Clears what smokes before have left that were killed, or whose engine was gone; and says which containers look like
 * it without anybody here knowing whose they are.
 */
export async function clearLeftovers(kind: Kind, say: (text: string) => void): Promise<void> {
  for (const { name, root, kind: was } of findLeftovers()) {
    if (was === 'compose' && kind !== 'compose') continue
    say(`clearing what a smoke that was killed has left (${name})`)
    killAll(processesUnder(root))
    const left = was === 'compose' ? await removeProject(name) : []
    if (left.length > 0) say(`still there: ${left.join(', ')}`)
    else rmSync(root, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
  }
  if (kind !== 'compose') return
  try {
    for (const name of await projectsNamed(namePrefix))
      if (!isHere(name))
        say(
          `containers or volumes of a smoke that is not of this machine, or whose folder is gone: ${name}. ` +
            `\`docker compose -p ${name} down --volumes\` removes them.`,
        )
  } catch (error) {
    say(`Docker does not list its projects: ${messageOf(error).split('\n')[0] ?? ''}`)
  }
}
