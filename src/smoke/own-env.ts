import { secretNames, settingNames } from '../contracts/settings.ts'

/** What would have Docker take another stack for ours. */
const ofCompose = /^COMPOSE_(?!PARALLEL_LIMIT$)/

/**
 * The environment without anything of the user's ksi: neither its settings, which say where that one is, nor its keys.
 */
export function ownEnv(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const known = new Set([...settingNames, ...secretNames])
  return Object.fromEntries(
    Object.entries(env).filter(([name]) => !known.has(name) && !name.startsWith('KSI_') && !ofCompose.test(name)),
  )
}
