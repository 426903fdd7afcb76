import type { EventReply } from '../../contracts/events.ts'
import { KsiError } from '../../lib/errors.ts'
import type { RunnerLinks } from './runner-links.ts'

/**
 * `completion:provider_status`: as the runner that takes new work says it; only it knows keys and programs.
 * @throws KsiError KSI_NOT_FOUND, KSI_RESTARTING when there is no runner just now, KSI_TIMEOUT
 */
export async function describeProviders(
  links: RunnerLinks,
  only: string | undefined,
): Promise<EventReply<'completion:provider_status'>> {
  const link = links.accepting()
  if (link === undefined) throw new KsiError('KSI_RESTARTING', 'There is no runner just now. Ask again in a moment.')
  const all = await link.providers()
  const providers = only === undefined ? all : all.filter(({ provider }) => provider === only)
  if (providers.length > 0) return { providers }
  const known = all.map(({ provider }) => provider).join(', ')
  throw new KsiError('KSI_NOT_FOUND', `No provider is called "${only}": there are ${known}.`)
}
