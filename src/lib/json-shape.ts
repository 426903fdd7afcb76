/** What a JSON text may be made of. */
export interface JsonLimits {
  /** arrays and objects inside one another */
  levels: number
  /** members of arrays and objects, empty arrays and objects counting one too many */
  values: number
}

const quote = 0x22
const backslash = 0x5c

/**
 * Counts levels and values over the bytes of a JSON text, in one pass and before anything parses it: a parser builds
 * all of `[[[[…` in memory, and recurses into it, before it says no. Bytes that are not JSON are counted all the same.
 * @returns the first limit it is over, or undefined
 */
export function overLimit(bytes: Uint8Array, limits: JsonLimits): keyof JsonLimits | undefined {
  let level = 0
  let values = 1
  let strings = 0
  for (let at = 0; at < bytes.length; at++) {
    switch (bytes[at]) {
      case quote:
        // In JSON no more than a key and a value each.
        if (++strings > 2 * limits.values) return 'values'
        at = endOfString(bytes, at)
        break
      case 0x5b: // [
      case 0x7b: // {
        if (++level > limits.levels) return 'levels'
        if (++values > limits.values) return 'values'
        break
      case 0x5d: // ]
      case 0x7d: // }
        level--
        break
      case 0x2c: // ,
        if (++values > limits.values) return 'values'
        break
      default:
    }
  }
  return undefined
}

/** What stands for a string that is left out. */
const filler = Buffer.alloc(2_048, 'x')

/**
 * A JSON text whose strings of more than `longest` bytes stand for others, themselves still longer than any name: what
 * is to be known of the rest is read from it in a fraction of the time.
 */
export function withoutLongStrings(bytes: Buffer, longest: number): Buffer {
  const parts: Buffer[] = []
  let from = 0
  for (let at = bytes.indexOf(quote); at !== -1 && at < bytes.length; at = bytes.indexOf(quote, at + 1)) {
    const end = endOfString(bytes, at)
    if (end - at > longest) {
      parts.push(bytes.subarray(from, at + 1), filler)
      from = end
    }
    at = end
  }
  return Buffer.concat([...parts, bytes.subarray(from)])
}

/** Bytes of a string that are looked at singly; from there on the next quote is searched for, by faster means. */
const stride = 48

/** @returns where the string that begins at `start` ends; the end of all when it does not */
function endOfString(bytes: Uint8Array, start: number): number {
  let plain = 0
  for (let at = start + 1; at < bytes.length; at++) {
    const byte = bytes[at]
    if (byte === quote) return at
    if (byte === backslash) {
      at++
      plain = 0
    } else if (++plain === stride) {
      plain = 0
      const end = bytes.indexOf(quote, at + 1)
      if (end === -1) return bytes.length
      let before = end - 1
      while (before > at && bytes[before] === backslash) before--
      if ((end - 1 - before) % 2 === 0) return end
      at = end
    }
  }
  return bytes.length
}

/**
 * Finds a member of a JSON object as it was written, so that it can be handed back unchanged: `JSON.parse` rounds
 * numbers over 2^53. Where a name comes twice the last one counts, as in `JSON.parse`.
 * @param text a valid JSON object
 * @returns the value's text, or undefined when no key is written exactly so (it may be there with escapes)
 */
export function memberText(text: string, name: string): string | undefined {
  let found: string | undefined
  let level = 0
  let key: string | undefined
  let isKey = true
  let start = 0
  for (let at = 0; at < text.length; at++) {
    const char = text.charCodeAt(at)
    if (char === quote) {
      const end = endOfText(text, at)
      if (level === 1 && isKey) key = text.slice(at + 1, end)
      at = end
    } else if (char === 0x3a && level === 1) {
      isKey = false
      start = at + 1
    } else if (char === 0x5b || char === 0x7b) level++
    else if (char === 0x5d || char === 0x7d || char === 0x2c) {
      if (level === 1 && !isKey) {
        if (key === name) found = text.slice(start, at).trim()
        isKey = true
      }
      if (char !== 0x2c) level--
    }
  }
  return found
}

function endOfText(text: string, start: number): number {
  let plain = 0
  for (let at = start + 1; at < text.length; at++) {
    const char = text.charCodeAt(at)
    if (char === quote) return at
    if (char === backslash) {
      at++
      plain = 0
    } else if (++plain === stride) {
      plain = 0
      const end = text.indexOf('"', at + 1)
      if (end === -1) return text.length
      let before = end - 1
      while (before > at && text.charCodeAt(before) === backslash) before--
      if ((end - 1 - before) % 2 === 0) return end
      at = end
    }
  }
  return text.length
}

/**
 * A member of a parsed object as JSON text: as it was written wherever writing it anew could change it.
 * @param text what `object` was parsed from
 */
export function writtenMember(object: Record<string, unknown>, text: string, name: string): string {
  const value = object[name]
  if (value === undefined || value === null) return 'null'
  const written = typeof value === 'number' || typeof value === 'object' ? memberText(text, name) : undefined
  return written ?? JSON.stringify(value)
}
