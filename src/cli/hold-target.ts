import { KsiError } from '../lib/errors.ts'
import { assertNoMore, didYouMean } from './arguments.ts'

const keys = {
  provider: 'provider',
  model: 'model',
  conversation: 'conversation_id',
  session: 'session_id',
  agent: 'agent_id',
  all: 'all',
  day: 'day',
} as const
type Kind = keyof typeof keys
/** What can be held. */
export const holdable = ['provider', 'model', 'conversation', 'session', 'agent', 'all'] as const
type Key = (typeof keys)[Kind]

/**
 * What is meant by `provider anthropic`, `conversation c1`, `all`: as the parameter of an event.
 * @param kinds those the command takes
 * @throws KsiError KSI_BAD_REQUEST
 */
export function readTarget(
  usage: string,
  words: readonly string[],
  kinds: readonly Kind[],
): Partial<Record<Exclude<Key, 'all' | 'day'>, string> & Record<'all' | 'day', boolean>> {
  const [word = '', name] = words
  const kind = kinds.find((one) => one === word)
  if (kind === undefined) throw new KsiError('KSI_BAD_REQUEST', `Say what: ksi ${usage}.${didYouMean(word, kinds)}`)
  const key = keys[kind]
  if (key === 'all' || key === 'day') {
    assertNoMore(usage, words, 1)
    return { [key]: true }
  }
  if (name === undefined) throw new KsiError('KSI_BAD_REQUEST', `Say which ${kind}: ksi ${usage}.`)
  assertNoMore(usage, words, 2)
  return { [key]: name }
}
