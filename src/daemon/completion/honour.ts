import type { EventData } from '../../contracts/events.ts'
import { permissionProfiles } from '../../contracts/permissions.ts'
import { providerName, unsupported } from '../../contracts/providers.ts'
import type { Priority } from '../../contracts/words.ts'
import { KsiError } from '../../lib/errors.ts'
import { isObject } from '../../lib/ndjson.ts'

type CompletionData = EventData<'completion:async'>

/** What a key is called in a body, and what a body does not carry. */
const keyNames =
  /api[_-]?key|authorization|^headers$|^extra[_-]headers$|(?:auth|access|bearer)[_-]?token|secret|password/i
/** What `priority` may say: there is no other within ASYNC, or within INJECT. */
const ordinary: Record<Priority, RegExp> = { ASYNC: /^(normal|medium|default|async)$/i, INJECT: /./ }

/**
 * Refuses what would be left undone: a request is only taken if all it asks for reaches its provider. And keys, which
 * would be kept with the request.
 * @throws KsiError KSI_UNSUPPORTED_PARAMETER
 */
export function assertHonoured(model: string, data: CompletionData, priority: Priority): void {
  const keys = keysIn(data.extra_body, 'extra_body')
  if (keys.length > 0)
    throw refusal(
      keys,
      `${keys.join(', ')}: keys are not sent with a request, which is kept; they belong into the environment of the ` +
        'runner (docs/providers.md). This was not taken, and should be sent without.',
    )
  const names: string[] = unsupported(model, data)
  if (names.length > 0)
    throw refusal(names, `${providerName(model)} does not take ${names.join(', ')}. Leave out what it cannot honour.`)
  assertProfile(data.agent_config ?? {})
  if (data.priority != null && !ordinary[priority].test(data.priority))
    throw refusal(['priority'], 'priority: there is one way to go ahead of a conversation, completion:inject.')
  if (Object.keys(data.circuit_breaker_config ?? {}).length > 0)
    throw refusal(['circuit_breaker_config'], 'circuit_breaker_config: a request cannot change how tries are made.')
}

/** What of an agent's configuration is acted on: nothing else of it may be asked for. */
const ofAgent = new Set(['permission_profile', 'profile'])

function assertProfile(config: NonNullable<CompletionData['agent_config']>): void {
  const others = Object.keys(config).filter((name) => !ofAgent.has(name) && config[name] != null)
  const names = others.map((name) => `agent_config.${name}`)
  if (names.length > 0)
    throw refusal(names, `${names.join(', ')}: of agent_config ${[...ofAgent].join(' and ')} are taken.`)
  const { permission_profile: profile } = config
  if (profile == null || Object.hasOwn(permissionProfiles, profile)) return
  const known = Object.keys(permissionProfiles).join(', ')
  throw refusal(['agent_config.permission_profile'], `Unknown permission profile: ${profile}. There are ${known}.`)
}

function refusal(parameters: string[], message: string): KsiError {
  return new KsiError('KSI_UNSUPPORTED_PARAMETER', message, { details: { parameters } })
}

function keysIn(value: unknown, path: string): string[] {
  if (Array.isArray(value)) return value.flatMap((item, index) => keysIn(item, `${path}.${index}`))
  if (!isObject(value)) return []
  return Object.entries(value).flatMap(([name, inner]) => {
    const here = `${path}.${name}`
    return keyNames.test(name) && (typeof inner === 'string' || isObject(inner)) ? [here] : keysIn(inner, here)
  })
}
