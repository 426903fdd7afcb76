import { readProviderSettings, readSettings, settingNames, unknownSettings } from '../contracts/settings.ts'
import { KsiError } from '../lib/errors.ts'
import { didYouMean } from './arguments.ts'

/** What is wrong with the values of an environment, a sentence each. */
export function invalidSettings(env: NodeJS.ProcessEnv): string[] {
  try {
    readSettings(env)
    readProviderSettings(env)
    return []
  } catch (error) {
    if (!(error instanceof KsiError)) throw error
    const problems: unknown = error.details?.['problems']
    return Array.isArray(problems) ? problems.map(String) : [error.message]
  }
}

/** What is named as ours and read by nothing, a sentence each. */
export function unreadSettings(env: NodeJS.ProcessEnv): string[] {
  return unknownSettings(env).map(({ name }) => `${name}: nothing reads it.${didYouMean(name, settingNames)}`)
}
