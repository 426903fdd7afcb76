import type { ToRunnerHost } from '../../contracts/runner-host.ts'
import { isObject, parseObject } from '../../lib/ndjson.ts'

/**
 * Reads a line of contracts/runner-host.ts by hand: the schemas' library alone would make the host half as large again.
 * Its test holds both together. @returns undefined for anything else
 */
export function readHostLine(text: string): ToRunnerHost | undefined {
  const line = parseObject(text)
  switch (line?.['type']) {
    case 'hello':
      return typeof line['protocol'] === 'number' ? { type: 'hello', protocol: line['protocol'] } : undefined
    case 'watch':
      return { type: 'watch' }
    case 'keep': {
      const { env } = line
      if (env === undefined) return { type: 'keep' }
      return isTextByName(env) ? { type: 'keep', env } : undefined
    }
    case 'reload': {
      const { id, files, at } = line
      if (typeof id !== 'number' || typeof at !== 'number' || !isTexts(files)) return undefined
      return { type: 'reload', id, files, at }
    }
    case 'drain':
      return { type: 'drain' }
    case 'end':
      return { type: 'end' }
    default:
      return undefined
  }
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string')
}

function isTextByName(value: unknown): value is Record<string, string> {
  return isObject(value) && isTexts(Object.values(value))
}
