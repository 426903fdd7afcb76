import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { KsiError, messageOf } from './errors.ts'

/**
 * An environment in which a secret may also be named by its file: where NAME_FILE is set, NAME is what that file holds.
 * A path is one from the folder of the ksi (KSI_ROOT).
 * @throws KsiError KSI_CONFIG_INVALID when there is no such file, when it is empty, or NAME says something else
 */
export function withSecretFiles(env: NodeJS.ProcessEnv, names: readonly string[]): NodeJS.ProcessEnv {
  const read = names.flatMap((name) => {
    const file = env[`${name}_FILE`]
    return file ? [[name, secretOf(name, resolve(env['KSI_ROOT'] || '.', file), env[name])]] : []
  })
  return read.length === 0 ? env : { ...env, ...Object.fromEntries(read) }
}

function secretOf(name: string, path: string, given: string | undefined): string {
  const secret = readSecretFile(name, path)
  if (secret === '') throw new KsiError('KSI_CONFIG_INVALID', `${name}_FILE: ${path} is empty.`)
  if (given && given !== secret)
    throw new KsiError('KSI_CONFIG_INVALID', `${name} and ${name}_FILE say different things: set one of them.`)
  return secret
}

function readSecretFile(name: string, path: string): string {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch (error) {
    const advice = 'Make it readable for the user ksi runs as, or leave the variable out.'
    throw new KsiError('KSI_CONFIG_INVALID', `${name}_FILE cannot be read: ${messageOf(error)}. ${advice}`, {
      cause: error,
    })
  }
}
