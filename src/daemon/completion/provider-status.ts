import type { EventReply } from '../../contracts/events.ts'
import { providerName } from '../../contracts/providers.ts'
import { KsiError } from '../../lib/errors.ts'
import type { Core } from '../core.ts'
import type { RunnerLinks } from './runner-links.ts'

/**
 * `completion:provider_status`: as the runner that takes new work says it (only it knows keys and programs), and what
 * is held.
 * @throws KsiError KSI_NOT_FOUND, KSI_RESTARTING when there is no runner just now, KSI_TIMEOUT
 */
export async function describeProviders(
  core: Core,
  links: RunnerLinks,
  only: string | undefined,
): Promise<EventReply<'completion:provider_status'>> {
  const link = links.accepting()
  if (link === undefined) throw new KsiError('KSI_RESTARTING', 'There is no runner just now. Ask again in a moment.')
  const all = await link.providers()
  const wide = core.holds.wide()
  const running = [...core.journal.lanes.running()]
  const providers = all
    .filter(({ provider }) => only === undefined || provider === only)
    .map((state) => ({
      ...state,
      running: running.reduce((sum, [model, n]) => sum + (providerName(model) === state.provider ? n : 0), 0),
      holds: wide.filter(({ scope, name }) => scope === 'all' || providerName(name) === state.provider),
    }))
  if (providers.length > 0) return { providers }
  const known = all.map(({ provider }) => provider).join(', ')
  throw new KsiError('KSI_NOT_FOUND', `No provider is called "${only}": there are ${known}.`)
}
