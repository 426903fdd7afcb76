import type { EventData, EventReply } from '../../contracts/events.ts'
import type { HoldScope } from '../../contracts/holds.ts'
import { isProvider, providerName, providers } from '../../contracts/providers.ts'
import { KsiError } from '../../lib/errors.ts'
import type { Core } from '../core.ts'

type Asked = Pick<
  EventData<'completion:hold'>,
  'provider' | 'model' | 'conversation_id' | 'session_id' | 'agent_id' | 'all'
>
/** What a hold is on. */
export interface Target {
  scope: HoldScope
  name: string
}

/**
 * `completion:hold`. Call within a transaction.
 * @throws KsiError KSI_BAD_REQUEST, KSI_NOT_FOUND
 */
export function placeHold(core: Core, data: EventData<'completion:hold'>): EventReply<'completion:hold'> {
  const target = targetOf(core, data)
  assertThere(core, target)
  const until = data.for_ms == null ? null : core.journal.clock.now() + data.for_ms
  const hold = core.holds.place({ ...target, cause: 'manual', reason: data.reason, until, times: 1 })
  return { status: 'held', hold }
}

/**
 * `completion:release`. Call within a transaction.
 * @throws KsiError KSI_BAD_REQUEST, KSI_NOT_FOUND when nothing holds it
 */
export function releaseHold(core: Core, data: EventData<'completion:release'>): EventReply<'completion:release'> {
  const { scope, name } = targetOf(core, data)
  const released = core.holds.release(scope, name, data.reason)
  if (released.length === 0)
    throw new KsiError('KSI_NOT_FOUND', `Nothing holds ${wordsFor({ scope, name })}. What is held: ksi hold list.`)
  return { status: 'released', released }
}

/** What is meant. @throws KsiError KSI_BAD_REQUEST when that is not one thing */
export function targetOf({ conversations }: Core, data: Asked): Target {
  const conversation =
    data.session_id == null ? data.conversation_id : (conversations.ofSession(data.session_id) ?? data.session_id)
  const named: [HoldScope, string | null | undefined][] = [
    ['provider', data.provider],
    ['model', data.model],
    ['conversation', conversation],
    ['agent', data.agent_id],
    ['all', data.all === true ? '' : undefined],
  ]
  const meant = named.flatMap(([scope, name]) => (name == null ? [] : [{ scope, name }]))
  const [target] = meant
  if (target === undefined || meant.length > 1 || (data.session_id != null && data.conversation_id != null))
    throw new KsiError(
      'KSI_BAD_REQUEST',
      'Say one thing: provider, model, conversation_id, session_id, agent_id, or all (true).',
    )
  return target
}

/** A name that is misspelt would hold nothing, and nobody would know. @throws KsiError KSI_NOT_FOUND */
function assertThere({ conversations }: Core, target: Target): void {
  const { scope, name } = target
  const isThere = {
    all: () => true,
    provider: () => isProvider(name),
    model: () => name.includes('/') && isProvider(providerName(name)),
    conversation: () => conversations.get(name) !== undefined,
    agent: () => conversations.ofAgent(name) !== undefined,
  }
  if (isThere[scope]()) return
  const known = Object.keys(providers).join(', ')
  const hint =
    scope === 'provider' ? ` There are ${known}.` : scope === 'model' ? ` Say PROVIDER/MODEL, of one of ${known}.` : ''
  throw new KsiError('KSI_NOT_FOUND', `There is no ${wordsFor(target)}.${hint}`)
}

function wordsFor({ scope, name }: Target): string {
  return scope === 'all' ? 'everything as a whole' : `${scope} ${name}`
}
