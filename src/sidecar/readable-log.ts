import pretty from 'pino-pretty'
import { createLog } from '../lib/log.ts'
import { printableJson } from '../lib/printable.ts'
import type { Log } from '../lib/log.ts'

/** The log of a process that has a container to itself, where nobody else makes the lines readable. */
export function createReadableLog(name: string, level: string, format: 'pretty' | 'json'): Log {
  if (format === 'json') return createLog(name, level)
  const readable = pretty({
    destination: 1,
    sync: true,
    singleLine: true,
    translateTime: 'SYS:HH:MM:ss.l',
    ignore: 'name',
    messageFormat: '{name}: {msg}',
  })
  return createLog(name, level, { write: (line) => void readable.write(printableJson(line)) })
}
