import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseEnv } from 'node:util'
import { KsiError, messageOf, systemCodeOf } from '../lib/errors.ts'

/** The settings in the `.env` of a root, as Compose reads them. @throws KsiError KSI_CONFIG_INVALID */
function readEnvFile(root: string): Record<string, string> {
  const path = join(root, '.env')
  try {
    const values = parseEnv(readFileSync(path, 'utf8'))
    return Object.fromEntries(Object.entries(values).flatMap(([name, value]) => (value ? [[name, value]] : [])))
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return {}
    throw new KsiError('KSI_CONFIG_INVALID', `${path} cannot be read: ${messageOf(error)}`, { cause: error })
  }
}

/** An environment with what a root's `.env` says beside: what is set in the shell wins, also where it is empty. */
export function withEnvFile(root: string, env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return { ...readEnvFile(root), ...env }
}
