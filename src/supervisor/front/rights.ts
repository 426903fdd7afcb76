import { KsiError } from '../../lib/errors.ts'
import { sameSecret } from '../../lib/secret-file.ts'

/** The tokens a TCP connection can show on its first line. */
export interface Tokens {
  /** Lets everything be asked; without it TCP is open. */
  readonly token?: string | undefined
  /** Lets things be read, and nothing be changed. */
  readonly readingToken?: string | undefined
}

/** What a connection may ask for. */
export type Rights = 'all' | 'reading' | 'none'

/** All that can be asked for with the reading token. What is not here changes something, or may one day. */
export const readingEvents: ReadonlySet<string> = new Set([
  'agent:info',
  'agent:list',
  'completion:get_conversation_summary',
  'completion:status',
  'completion:stream',
  'completion:stop_stream',
  'completion:provider_status',
  'completion:session_status',
  'completion:wait',
  'conversation:active',
  'conversation:get',
  'conversation:list',
  'event_log:query',
  'event_log:stats',
  'monitor:get_events',
  'monitor:get_session_events',
  'monitor:get_stats',
  'monitor:get_status',
  'monitor:get_subscriptions',
  'monitor:subscribe',
  'monitor:unsubscribe',
  'module:events',
  'module:inspect',
  'module:list',
  'permission:list_profiles',
  'supervisor:status',
  'system:discover',
  'system:health',
  'system:help',
])

/** What the first line of a TCP connection entitles to. Whoever shows the reading token is held to it, also where all
 * is open. */
export function rightsOf(line: Record<string, unknown>, { token, readingToken }: Tokens): Rights {
  const given = line['_token']
  if (typeof given === 'string') {
    if (token !== undefined && sameSecret(given, token)) return 'all'
    if (readingToken !== undefined && sameSecret(given, readingToken)) return 'reading'
  }
  return token === undefined ? 'all' : 'none'
}

/** Whether these rights are enough for the event. */
export function mayAsk(rights: Rights, event: string): boolean {
  return rights === 'all' || (rights === 'reading' && readingEvents.has(event))
}

/** @throws KsiError KSI_UNAUTHORIZED when these rights are not enough for the event */
export function checkRights(rights: Rights, event: string): void {
  if (mayAsk(rights, event)) return
  throw new KsiError('KSI_UNAUTHORIZED', `The token of this connection is for reading only, and ${event} is not.`)
}
