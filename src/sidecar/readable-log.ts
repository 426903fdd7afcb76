import { createLog } from '../lib/log.ts'
import type { Log } from '../lib/log.ts'
import { asksForAll, readableLines } from '../lib/readable-lines.ts'

/** The log of a process that has a container to itself, where nobody else makes the lines readable. */
export function createReadableLog(name: string, level: string, format: 'pretty' | 'json'): Log {
  return format === 'json'
    ? createLog(name, level)
    : createLog(name, level, readableLines({ whole: asksForAll(level) }))
}
