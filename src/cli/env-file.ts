import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseEnv } from 'node:util'
import { KsiError, messageOf, systemCodeOf } from '../lib/errors.ts'
import { withSecretFiles } from '../lib/secret-env.ts'

/** The settings in the `.env` of a root, as Compose reads them. @throws KsiError KSI_CONFIG_INVALID */
export function readEnvFile(root: string): Record<string, string> {
  const path = join(root, '.env')
  try {
    const values = parseEnv(readFileSync(path, 'utf8'))
    return Object.fromEntries(Object.entries(values).flatMap(([name, value]) => (value ? [[name, value]] : [])))
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return {}
    throw new KsiError('KSI_CONFIG_INVALID', `${path} cannot be read: ${messageOf(error)}`, { cause: error })
  }
}

/**
 * An environment with what a root's `.env` says beside, and with the token where that is named by its file: what is set
 * in the shell wins, also where it is empty. @throws KsiError KSI_CONFIG_INVALID
 */
export function withEnvFile(root: string, env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return withSecretFiles({ KSI_ROOT: root, ...readEnvFile(root), ...env }, ['KSI_TOKEN'])
}
