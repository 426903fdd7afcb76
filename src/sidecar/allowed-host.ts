import { isIP } from 'node:net'

/**
 * Whether a Host header can come from somebody who meant this server. A page that rebinds its own name to 127.0.0.1
 * sends that name, so only names no stranger can own pass: `localhost`, what ends in it, and those given. A name
 * without a dot is no better: the next router or a search domain may say what it means. An address needs no name to be
 * resolved, and so cannot be rebound.
 */
export function isAllowedHost(header: string | undefined, given: readonly string[]): boolean {
  if (header === undefined) return false
  const name = /^(\[[0-9a-fA-F:.]+\]|[^:/@\s]+)(?::\d{1,5})?$/.exec(header)?.[1]?.toLowerCase()
  if (name === undefined) return false
  if (isIP(name.replace(/^\[|\]$/g, '')) !== 0) return true
  return name === 'localhost' || name.endsWith('.localhost') || given.includes(name)
}
