/** Shorter values are no keys, and would be found in any text. */
const shortest = 8
const mark = '[redacted]'

/** Names of what is secret in an environment. */
const keyName = /(?:^|_)(?:KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?|AUTHORIZATION|CUSTOM_HEADERS)$/i

/** Whether a variable of that name holds a key, rather than something to be seen. */
export function isKeyName(name: string): boolean {
  return keyName.test(name)
}

/** An environment without the keys of providers, for processes that have nothing to do with them. */
export function withoutKeys(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => name === 'KSI_TOKEN' || !isKeyName(name)))
}

/** Takes known keys out of what is to be kept or told. */
export interface Redactor {
  text(text: string): string
  /** Of anything that is JSON; what has no key in it comes back as it is. */
  json<T>(value: T): T
  /** How many characters at the end of a text may be the beginning of a key, whose rest is still to come. */
  begun(text: string): number
}

/** A redactor of the keys of an environment: values by the names of keys, and passwords within addresses. */
export function redactorOf(env: NodeJS.ProcessEnv): Redactor {
  const keys = Object.entries(env).flatMap(([name, value = '']) => [
    ...(isKeyName(name) ? [value.trim()] : []),
    ...passwordsOf(value),
  ])
  // The longest first: one may be a part of another.
  const secrets = [...new Set(keys)].filter((key) => key.length >= shortest).toSorted((a, b) => b.length - a.length)
  const escaped = secrets.map((key) => JSON.stringify(key).slice(1, -1))
  const json = <T>(value: T): T => {
    const text = JSON.stringify(value)
    return text !== undefined && escaped.some((key) => text.includes(key))
      ? (JSON.parse(replaceAll(text, escaped)) as T)
      : value
  }
  // A text may have been JSON before: within a log line, an error's words.
  const begun = (text: string): number =>
    [...secrets, ...escaped].reduce((most, key) => Math.max(most, beginningAtEnd(text, key)), 0)
  return { text: (text) => replaceAll(replaceAll(text, secrets), escaped), json, begun }
}

function replaceAll(text: string, keys: readonly string[]): string {
  return keys.reduce((rest, key) => rest.replaceAll(key, mark), text)
}

/** The length of the longest beginning of a key, short of the whole, that a text ends with. */
function beginningAtEnd(text: string, key: string): number {
  for (let length = Math.min(text.length, key.length - 1); length > 0; length--)
    if (text.endsWith(key.slice(0, length))) return length
  return 0
}

function passwordsOf(value: string): string[] {
  const found = /^[a-z][a-z0-9+.-]*:\/\/[^/@\s]*:([^/@\s]+)@/i.exec(value)?.[1]
  return found === undefined ? [] : [found, decoded(found)]
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
